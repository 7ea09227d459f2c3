/** Many beads at once, and how many there are (spec/api.md §3.5). */
import { bulkAnswer, bulkBody, countsAnswer, countsBy, GastownError, type BulkBody } from "@gastown/protocol";
import { BULK_BATCH, type BulkChange } from "@gastown/town";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import type { TownActor } from "../towns/actor.ts";
import { beadFilterQuery } from "./filter.ts";

const beads = "/api/towns/{townId}/beads";

export function bulkRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: `${beads}/counts`,
      operation: "beads.counts",
      summary: "How many beads there are, grouped.",
      who: "viewer",
      query: z.strictObject({ ...beadFilterQuery, groupBy: countsBy }),
      answer: countsAnswer,
    },
    (town, { query: { groupBy, ...filter } }) => town.beadCounts(filter, groupBy),
  );
  on.town(
    {
      method: "post",
      path: `${beads}/bulk`,
      operation: "beads.bulk",
      summary: "The same change for many beads; a dry run says what would become of each.",
      who: "member",
      body: bulkBody,
      answer: bulkAnswer,
    },
    ({ town, body, actor }) => {
      const refs = meant(town, body);
      const { action, note = "", labels = [], dryRun = false } = body;
      const change: BulkChange = { action, note, labels, force: false };
      const results = batches(refs).flatMap((batch) =>
        town.run((open) => open.changeBeads(batch, change, dryRun, actor)),
      );
      return { matched: refs.length, done: results.filter(({ ok }) => ok).length, results };
    },
  );
}

/** What is gone cannot be brought back: whoever names it by a filter says how many that are. */
function meant(town: TownActor, { beadIds, filter = {}, action, dryRun, confirm }: BulkBody): string[] {
  if (beadIds !== undefined) return [...new Set(beadIds)];
  const refs = town.read((open) => open.beadsMeant(filter));
  const isGrave = action === "delete" || action === "fail";
  if (!isGrave || dryRun === true || confirm === refs.length) return refs;
  throw new GastownError(
    "precondition_required",
    `${refs.length} beads match. Look at a dry run, then say confirm: ${refs.length}.`,
    { matched: refs.length },
  );
}

function batches(refs: readonly string[]): string[][] {
  const count = Math.ceil(refs.length / BULK_BATCH);
  return Array.from({ length: count }, (_, i) => refs.slice(i * BULK_BATCH, (i + 1) * BULK_BATCH));
}
