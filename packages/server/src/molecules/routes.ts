/** Steps of beads, and the formulas that give them (spec/api.md §3.5). */
import { beadDetail, formulasAnswer, limits, moleculeBody } from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";

const molecule = "/api/towns/{townId}/beads/{beadId}/molecule";

export function moleculeRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: "/api/towns/{townId}/rigs/{rigId}/formulas",
      operation: "formulas.list",
      summary: "Formulas of a rig's repository, and the files that cannot be used. Verify reads them anew.",
      who: "viewer",
      answer: formulasAnswer,
    },
    (town, { params }) => town.formulas(params.rigId),
  );
  on.command(
    {
      method: "put",
      path: molecule,
      operation: "beads.molecule.put",
      summary: "Gives a bead its steps, or those of a formula.",
      who: "member",
      body: moleculeBody,
      answer: beadDetail,
    },
    (town, { params, body, actor }) => town.putMolecule(params.beadId, body, actor),
  );
  on.command(
    {
      method: "post",
      path: `${molecule}/advance`,
      operation: "beads.molecule.advance",
      summary: "The current step is done.",
      who: "member",
      body: z.strictObject({ note: limits.note }),
      answer: beadDetail,
    },
    (town, { params, body, actor }) => town.advanceMolecule(params.beadId, body.note, actor),
  );
}
