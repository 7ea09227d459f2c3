/** Sessions: one attempt each (spec/api.md §3.9). */
import {
  idSchema,
  modelApplied,
  sessionModelBody,
  sessionShape,
  stopSessionBody,
  transcriptItem,
} from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, flag, listOf, noBody, whole } from "../http/query.ts";
import { modelChanged } from "./model.ts";

const sessions = "/api/towns/{townId}/sessions";
const session = `${sessions}/{sessionId}` as const;
const TRANSCRIPT_PAGE = 200;

export function sessionRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: sessions,
      operation: "sessions.list",
      summary: "Sessions, newest first.",
      who: "viewer",
      query: z.strictObject({
        live: flag.optional(),
        beadId: idSchema("bead").optional(),
        agentId: idSchema("agent").optional(),
      }),
      answer: listOf(sessionShape),
    },
    (town, { query: { live, beadId, agentId } }) =>
      complete(
        town.sessions({
          ...(live === undefined ? {} : { live }),
          ...(beadId === undefined ? {} : { beadId }),
          ...(agentId === undefined ? {} : { agentId }),
        }),
      ),
  );
  on.read(
    {
      method: "get",
      path: session,
      operation: "sessions.get",
      summary: "One session.",
      who: "viewer",
      answer: sessionShape,
    },
    (town, { params }) => town.session(params.sessionId),
  );
  on.command(
    {
      method: "post",
      path: `${session}/stop`,
      operation: "sessions.stop",
      summary: "Stops it; its work is saved.",
      who: "member",
      body: stopSessionBody,
      status: 202,
      answer: sessionShape,
    },
    (town, { params, body, actor }) =>
      town.stopSession(params.sessionId, body.mode ?? "graceful", body.note ?? "", actor),
  );
  on.command(
    {
      method: "post",
      path: `${session}/interrupt`,
      operation: "sessions.interrupt",
      summary: "Ends the turn that runs; the session goes on.",
      who: "member",
      body: noBody,
      status: 202,
      answer: sessionShape,
    },
    (town, { params, actor }) => town.interruptSession(params.sessionId, actor),
  );
  on.town(
    {
      method: "patch",
      path: `${session}/model`,
      operation: "sessions.model",
      summary: "Another model for this session alone.",
      who: "member",
      body: sessionModelBody,
      answer: modelApplied,
    },
    async ({ town, params, body, actor, c }) => {
      const { changeId } = town.run((open) => open.changeModel(params.sessionId, body, actor));
      return modelChanged(town, changeId, c.req.raw.signal);
    },
  );
  on.read(
    {
      method: "get",
      path: `${session}/transcript`,
      operation: "sessions.transcript",
      summary: "What the session said and did, from a cursor.",
      who: "viewer",
      query: z.strictObject({
        after: whole(0, Number.MAX_SAFE_INTEGER).optional(),
        limit: whole(1, 1_000).optional(),
      }),
      answer: z.object({ items: z.array(transcriptItem), nextAfter: z.int(), live: z.boolean() }),
    },
    (town, { params, query }) => {
      const after = query.after ?? 0;
      const items = town.transcript(params.sessionId, after, query.limit ?? TRANSCRIPT_PAGE);
      return {
        items,
        nextAfter: items.at(-1)?.seq ?? after,
        live: town.session(params.sessionId).state !== "ended",
      };
    },
  );
}
