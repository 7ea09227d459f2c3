/** What was given up, and taking it up again (spec/api.md §3.15). */
import { inboxEntry, outboxEntry } from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, listOf, noBody } from "../http/query.ts";

const inbox = "/api/towns/{townId}/admin/inbox";
const outbox = "/api/towns/{townId}/admin/outbox";

export function adminRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: inbox,
      operation: "admin.inbox.list",
      summary: "Facts that arrived, the newest first; by default those that could not be applied.",
      who: "viewer",
      query: z.strictObject({ state: inboxEntry.shape.state.optional() }),
      answer: listOf(inboxEntry),
    },
    (town, { query }) => complete(town.inbox(query)),
  );
  on.command(
    {
      method: "post",
      path: `${inbox}/{inboxSeq}/retry`,
      operation: "admin.inbox.retry",
      summary: "Applies a dead fact again.",
      who: "owner",
      body: noBody,
      answer: inboxEntry,
    },
    (town, { params, actor }) => town.retryFact(seqOf(params.inboxSeq), actor),
  );
  on.command(
    {
      method: "post",
      path: `${inbox}/{inboxSeq}/discard`,
      operation: "admin.inbox.discard",
      summary: "Forgets a dead fact.",
      who: "owner",
      body: noBody,
      answer: inboxEntry,
    },
    (town, { params, actor }) => town.discardFact(seqOf(params.inboxSeq), actor),
  );
  on.read(
    {
      method: "get",
      path: outbox,
      operation: "admin.outbox.list",
      summary: "Effects, the newest first; by default those that were given up.",
      who: "viewer",
      query: z.strictObject({
        state: outboxEntry.shape.state.optional(),
        kind: z.string().max(100).optional(),
      }),
      answer: listOf(outboxEntry),
    },
    (town, { query }) => complete(town.outbox(query)),
  );
  on.command(
    {
      method: "post",
      path: `${outbox}/{effectId}/retry`,
      operation: "admin.outbox.retry",
      summary: "Carries a dead effect out again, where nobody was told of its end.",
      who: "owner",
      body: noBody,
      answer: outboxEntry,
    },
    (town, { params, actor }) => town.retryEffect(params.effectId, actor),
  );
  on.command(
    {
      method: "post",
      path: `${outbox}/{effectId}/discard`,
      operation: "admin.outbox.discard",
      summary: "Forgets a dead effect.",
      who: "owner",
      body: noBody,
      answer: outboxEntry,
    },
    (town, { params, actor }) => town.discardEffect(params.effectId, actor),
  );
}

/** What is no number is no fact's. */
const seqOf = (text: string): number => (/^\d{1,15}$/.test(text) ? Number(text) : -1);
