/** What hosts see of molecules and formulas. */
import type { BeadDetail, Formula, FormulaProblem, Molecule, MoleculeBody } from "@gastown/protocol";
import { GastownError } from "@gastown/protocol";
import { beadRow, findBead } from "../beads/bead-row.ts";
import type { Access, Ctx } from "../kernel/context.ts";
import { findRig } from "../rigs/rigs.ts";
import { sessionRow } from "../sessions/session-row.ts";
import type { Actor } from "../town.ts";
import { toBeadDetail } from "../views/bead-detail.ts";
import { formulasOf } from "./formulas.ts";
import { advanceMolecule, moleculeOf, putMolecule } from "./molecules.ts";

export interface TownMolecules {
  formulas(rigRef: string): { items: Formula[]; problems: FormulaProblem[] };
  putMolecule(beadRef: string, body: MoleculeBody, actor: Actor): BeadDetail;
  advanceMolecule(beadRef: string, note: string, actor: Actor): BeadDetail;
  /** Of the session's own bead. Throws `not_found` where it has none. */
  currentStep(sessionId: string): Molecule;
  advanceStep(sessionId: string, summary: string, actor: Actor): Molecule;
}

export function townMolecules({ read, write }: Access): TownMolecules {
  return {
    formulas: (rigRef) => read((ctx) => formulasOf(ctx, findRig(ctx, rigRef).id)),
    putMolecule: (beadRef, body, actor) =>
      write(actor, (ctx) => toBeadDetail(ctx, beadRow(ctx, putMolecule(ctx, beadRef, body)))),
    advanceMolecule: (beadRef, note, actor) =>
      write(actor, (ctx) => {
        const bead = findBead(ctx, beadRef);
        advanceMolecule(ctx, bead.id, note, actor.id);
        return toBeadDetail(ctx, beadRow(ctx, bead.id));
      }),
    currentStep: (sessionId) => read((ctx) => own(ctx, sessionId).molecule),
    advanceStep: (sessionId, summary, actor) =>
      write(actor, (ctx) => advanceMolecule(ctx, own(ctx, sessionId).beadId, summary, sessionId)),
  };
}

function own(ctx: Ctx, sessionId: string): { beadId: string; molecule: Molecule } {
  const beadId = sessionRow(ctx, sessionId)?.bead_id ?? null;
  const molecule = beadId === null ? undefined : moleculeOf(ctx, beadId);
  if (beadId === null || !molecule) throw new GastownError("not_found", "This bead has no steps.");
  return { beadId, molecule };
}
