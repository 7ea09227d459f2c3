/** Beads: units of work (spec/api.md §3.5). */
import {
  beadDetail,
  beadShape,
  closeBeadBody,
  createBeadBody,
  failBeadBody,
  reassignBody,
  retryBody,
  slingBody,
  updateBeadBody,
  whyShape,
} from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { flag, listOf, noBody, page } from "../http/query.ts";
import { bulkRoutes } from "./bulk-routes.ts";
import { beadFilterQuery } from "./filter.ts";

const beads = "/api/towns/{townId}/beads";
const bead = `${beads}/{beadId}` as const;
const inRig = "/api/towns/{townId}/rigs/{rigId}" as const;

const filter = { ...beadFilterQuery, ...page };
const etag = ({ version }: { version: number }): string => `"bead-${version}"`;

export function beadRoutes(on: Endpoints): void {
  bulkRoutes(on);
  listRoutes(on);
  makingRoutes(on);
  changeRoutes(on);
}

function listRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: beads,
      operation: "beads.list",
      summary: "Beads; closed ones only where status asks for them.",
      who: "viewer",
      query: z.strictObject(filter),
      answer: listOf(beadShape),
    },
    (town, { query: { limit, cursor, ...rest } }) => town.beads(rest, present({ limit, cursor })),
  );
  on.read(
    {
      method: "get",
      path: `${inRig}/beads`,
      operation: "beads.listInRig",
      summary: "Beads of one rig.",
      who: "viewer",
      query: z.strictObject(filter).omit({ rigId: true }),
      answer: listOf(beadShape),
    },
    (town, { params, query: { limit, cursor, ...rest } }) =>
      town.beads({ ...rest, rigId: town.rig(params.rigId).id }, present({ limit, cursor })),
  );
  on.read(
    {
      method: "get",
      path: bead,
      operation: "beads.get",
      summary:
        "One bead with its timeline, dependencies and sessions; convoys and escalations are beads too.",
      who: "viewer",
      answer: beadDetail,
      etag,
    },
    (town, { params }) => town.bead(params.beadId),
  );
  on.read(
    {
      method: "get",
      path: `${bead}/why`,
      operation: "beads.why",
      summary: "Why it is not running.",
      who: "viewer",
      answer: whyShape,
    },
    (town, { params }) => town.why(params.beadId),
  );
}

function makingRoutes(on: Endpoints): void {
  on.command(
    {
      method: "post",
      path: `${inRig}/beads`,
      operation: "beads.create",
      summary: "Makes a bead that waits until it is started; with start it begins by itself.",
      who: "member",
      body: createBeadBody,
      status: 201,
      answer: beadShape,
      location: ({ id }, { townId }) => `/api/towns/${townId}/beads/${id}`,
    },
    (town, { params, body: { start, ...body }, actor }) =>
      town.sling(params.rigId, body, { held: start !== true }, actor),
  );
  on.command(
    {
      method: "post",
      path: `${inRig}/sling`,
      operation: "beads.sling",
      summary: "Makes a bead that is worked on as soon as a slot is free.",
      who: "member",
      body: slingBody,
      status: 201,
      answer: z.object({ bead: beadShape }),
      location: ({ bead: { id } }, { townId }) => `/api/towns/${townId}/beads/${id}`,
    },
    (town, { params, body, actor }) => ({ bead: town.sling(params.rigId, body, { held: false }, actor) }),
  );
}

function changeRoutes(on: Endpoints): void {
  const change = { method: "post", who: "member", answer: beadShape, etag } as const;
  on.command(
    {
      ...change,
      path: `${bead}/close`,
      operation: "beads.close",
      summary: "Closes it; a live session is stopped, its work saved.",
      body: closeBeadBody,
    },
    (town, { params, body, actor }) => town.closeBead(params.beadId, body.reason, body.note ?? "", actor),
  );
  on.command(
    { ...change, path: `${bead}/fail`, operation: "beads.fail", summary: "Gives it up.", body: failBeadBody },
    (town, { params, body, actor }) => town.failBead(params.beadId, body.note, actor),
  );
  on.command(
    {
      ...change,
      path: `${bead}/retry`,
      operation: "beads.retry",
      summary: "Gives a failed bead a new start, or ends a cooldown.",
      body: retryBody,
    },
    (town, { params, body, actor }) =>
      town.retryBead(params.beadId, { fresh: body.fresh ?? false, note: body.note ?? "" }, actor),
  );
  on.command(
    {
      ...change,
      method: "patch",
      path: bead,
      operation: "beads.update",
      summary: "Changes what it says; its status has commands of its own.",
      body: updateBeadBody,
    },
    (town, { params, body, actor }) => town.updateBead(params.beadId, body, actor),
  );
  on.command(
    {
      ...change,
      path: `${bead}/reassign`,
      operation: "beads.reassign",
      summary: "Ends its session, its work saved, and says who should or should not go on.",
      body: reassignBody,
    },
    (town, { params, body, actor }) => town.reassignBead(params.beadId, body, actor),
  );
  on.command(
    {
      method: "delete",
      path: bead,
      operation: "beads.delete",
      summary: "Forgets a bead; its branch stays.",
      who: "member",
      query: z.strictObject({ force: flag.optional() }),
      answer: z.object({ deleted: z.int() }),
    },
    (town, { params, query, actor }) => {
      town.deleteBead(params.beadId, { force: query.force === true }, actor);
      return { deleted: 1 };
    },
  );
  on.command(
    {
      ...change,
      path: `${bead}/hold`,
      operation: "beads.hold",
      summary: "Keeps an open bead from starting.",
      body: noBody,
    },
    (town, { params, actor }) => town.holdBead(params.beadId, actor),
  );
  on.command(
    {
      ...change,
      path: `${bead}/start`,
      operation: "beads.start",
      summary: "Releases a held bead.",
      body: noBody,
    },
    (town, { params, actor }) => town.startBead(params.beadId, actor),
  );
}

const present = ({ limit, cursor }: { limit?: number | undefined; cursor?: string | undefined }) => ({
  ...(limit === undefined ? {} : { limit }),
  ...(cursor === undefined ? {} : { cursor }),
});
