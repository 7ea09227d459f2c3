/** Convoys: a goal as a graph of beads (spec/api.md §3.7). */
import {
  addToConvoyBody,
  anyBeadId,
  convoyDetail,
  convoyShape,
  convoyState,
  idSchema,
  limits,
  noteBody,
  slingConvoyBody,
  updateConvoyBody,
} from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, listOf, noBody } from "../http/query.ts";

const convoys = "/api/towns/{townId}/convoys";
const convoy = `${convoys}/{convoyId}` as const;
const etag = ({ version }: { version: number }): string => `"convoy-${version}"`;

export function convoyRoutes(on: Endpoints): void {
  on.command(
    {
      method: "post",
      path: convoys,
      operation: "convoys.sling",
      summary: "Makes a convoy with all its beads, or nothing.",
      who: "member",
      body: slingConvoyBody,
      status: 201,
      answer: convoyDetail,
      location: ({ id }, { townId }) => `/api/towns/${townId}/convoys/${id}`,
    },
    (town, { body, actor }) => town.slingConvoy(body, actor),
  );
  on.read(
    {
      method: "get",
      path: convoys,
      operation: "convoys.list",
      summary: "Convoys; without a state, those that are not finished.",
      who: "viewer",
      query: z.strictObject({ state: convoyState.optional(), rigId: idSchema("rig").optional() }),
      answer: listOf(convoyShape),
    },
    (town, { query }) => complete(town.convoys(query)),
  );
  on.read(
    {
      method: "get",
      path: convoy,
      operation: "convoys.get",
      summary: "One convoy with its graph.",
      who: "viewer",
      answer: convoyDetail,
      etag,
    },
    (town, { params }) => town.convoy(params.convoyId),
  );

  memberRoutes(on);
  const change = { method: "post", who: "member", answer: convoyDetail, etag } as const;
  on.command(
    {
      ...change,
      path: `${convoy}/start`,
      operation: "convoys.start",
      summary: "Starts a staged convoy.",
      body: noBody,
    },
    (town, { params, actor }) => town.startConvoy(params.convoyId, actor),
  );
  on.command(
    {
      ...change,
      path: `${convoy}/waive`,
      operation: "convoys.waive",
      summary: "Lets a failed or open member count as done.",
      body: z.strictObject({ beadId: anyBeadId, note: limits.note }),
    },
    (town, { params, body, actor }) => town.waiveMember(params.convoyId, body.beadId, body.note, actor),
  );
  on.command(
    {
      ...change,
      path: `${convoy}/retry`,
      operation: "convoys.retry",
      summary: "Retries failed members, or the landing.",
      body: noBody,
    },
    (town, { params, actor }) => town.retryConvoy(params.convoyId, actor),
  );
  on.command(
    {
      ...change,
      path: `${convoy}/close`,
      operation: "convoys.close",
      summary: "Ends it; members' sessions are stopped, their work saved.",
      body: noteBody,
    },
    (town, { params, body, actor }) => town.closeConvoy(params.convoyId, body.note ?? "", actor),
  );
}

/** What it is made of, while it is not landing. */
function memberRoutes(on: Endpoints): void {
  const change = { who: "member", answer: convoyDetail, etag } as const;
  on.command(
    {
      ...change,
      method: "patch",
      path: convoy,
      operation: "convoys.update",
      summary: "Changes its title, or before any of its beads has begun, how and where it lands.",
      body: updateConvoyBody,
    },
    (town, { params, body, actor }) => town.updateConvoy(params.convoyId, body, actor),
  );
  on.command(
    {
      ...change,
      method: "post",
      path: `${convoy}/beads`,
      operation: "convoys.addBead",
      summary: "Adds an open bead that nobody has begun, or a new task.",
      body: addToConvoyBody,
    },
    (town, { params, body, actor }) => town.addToConvoy(params.convoyId, body, actor),
  );
  on.command(
    {
      ...change,
      method: "delete",
      path: `${convoy}/beads/{beadId}`,
      operation: "convoys.removeBead",
      summary: "Takes an open or failed bead out of it, without its edges to the others.",
      body: noBody,
    },
    (town, { params, actor }) => town.removeFromConvoy(params.convoyId, params.beadId, actor),
  );
}
