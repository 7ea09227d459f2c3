/** The feed as a list, also as a long poll for clients without a socket, and tickets (spec/api.md §3.14, §2.8). */
import { anyBeadId, feedEntry, idSchema, limits, type FeedEntry } from "@gastown/protocol";
import type { Town } from "@gastown/town";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { noBody, whole } from "../http/query.ts";

const seq = whole(0, Number.MAX_SAFE_INTEGER);
const DEFAULT_PAGE = 50;

const eventsQuery = z
  .strictObject({
    after: seq.optional(),
    before: seq.optional(),
    limit: whole(1, 200).optional(),
    kind: limits.text(1, 40).optional(),
    beadId: anyBeadId.optional(),
    convoyId: idSchema("convoy").optional(),
    /** Seconds to wait for something newer than `after`. */
    wait: whole(0, 25).optional(),
  })
  .refine(
    ({ after, before }) => after === undefined || before === undefined,
    "give after or before, not both",
  );
type EventsQuery = z.output<typeof eventsQuery>;

const eventsAnswer = z.object({
  items: z.array(feedEntry),
  nextAfter: z.int(),
  /** Entries up to this one are no longer kept: the client has lost what was in between. */
  truncatedBefore: z.int().optional(),
});

export function eventRoutes(on: Endpoints): void {
  on.town(
    {
      method: "get",
      path: "/api/towns/{townId}/events",
      operation: "events.list",
      summary: "What happened, after or before a sequence number; with wait it waits for news.",
      who: "viewer",
      query: eventsQuery,
      answer: eventsAnswer,
    },
    async ({ town, query, c }) => {
      const waitMs = query.after === undefined ? 0 : (query.wait ?? 0) * 1000;
      const some = (open: Town): FeedEntry[] | undefined => {
        const entries = entriesOf(open, query);
        return entries.length > 0 ? entries : undefined;
      };
      const items = (await town.wait(some, waitMs, c.req.raw.signal)) ?? [];
      return town.read((open) => answerOf(open, query, items));
    },
  );
  on.town(
    {
      method: "post",
      path: "/api/towns/{townId}/tickets",
      operation: "tickets.create",
      summary: "A one-use ticket for the live feed, valid for 60 s.",
      who: "viewer",
      body: noBody,
      status: 201,
      answer: z.object({ ticket: z.string(), url: z.string(), expiresAt: z.string() }),
      secret: true,
    },
    async ({ town, actor }) => {
      const { ticket, expiresAt } = await town.tickets.issue(actor.id);
      const url = `/api/towns/${town.id}/live?ticket=${ticket}`;
      return { ticket, url, expiresAt: new Date(expiresAt).toISOString() };
    },
  );
}

function entriesOf(town: Town, { after, before, limit, kind, beadId, convoyId }: EventsQuery): FeedEntry[] {
  return town.feed({
    limit: limit ?? DEFAULT_PAGE,
    ...(after === undefined ? {} : { after }),
    ...(before === undefined ? {} : { before }),
    ...(kind === undefined ? {} : { kind }),
    ...(beadId === undefined ? {} : { beadId }),
    ...(convoyId === undefined ? {} : { convoyId }),
  });
}

function answerOf(town: Town, query: EventsQuery, items: FeedEntry[]): z.input<typeof eventsAnswer> {
  const newest = items.reduce((max, { seq: at }) => Math.max(max, at), query.after ?? 0);
  if (query.after === undefined) return { items, nextAfter: newest };
  const [oldest] = town.feed({ after: 0, limit: 1 });
  const lost = oldest !== undefined && oldest.seq > query.after + 1;
  return { items, nextAfter: newest, ...(lost ? { truncatedBefore: oldest.seq } : {}) };
}
