/** Many beads at once, and how many there are (spec/api.md §3.5). */
import { z } from "zod";
import { beadFilter } from "./requests.ts";
import { labels, note, text } from "./text.ts";

export const bulkAction = z.enum(["close", "fail", "retry", "hold", "start", "delete", "label"]);
export type BulkAction = z.infer<typeof bulkAction>;

export const bulkBody = z
  .strictObject({
    action: bulkAction,
    beadIds: z.array(text(1, 64)).min(1).max(5_000).optional(),
    filter: beadFilter.optional(),
    note: note.optional(),
    /** Added to those that a bead has. */
    labels: labels.min(1).optional(),
    /** Says what would become of each, and changes nothing. */
    dryRun: z.boolean().optional(),
    /** How many a dry run has matched: needed to delete or fail by filter. */
    confirm: z.int().min(0).optional(),
  })
  .refine(({ beadIds, filter }) => (beadIds === undefined) !== (filter === undefined), {
    message: "needs either beadIds or a filter",
    path: ["beadIds"],
  })
  .refine(({ action, labels: given }) => (action === "label") === (given !== undefined), {
    message: "belongs to the action label, and to no other",
    path: ["labels"],
  });
export type BulkBody = z.infer<typeof bulkBody>;

export const bulkResult = z.object({
  beadId: z.string(),
  ok: z.boolean(),
  code: z.string().optional(),
  message: z.string().optional(),
});
export type BulkResult = z.infer<typeof bulkResult>;

export const bulkAnswer = z.object({
  matched: z.int(),
  /** Of a dry run: how many would be. */
  done: z.int(),
  results: z.array(bulkResult),
});
export type BulkAnswer = z.infer<typeof bulkAnswer>;

export const countsBy = z.enum(["column", "status", "waitingOn", "rigId", "convoyId", "priority", "label"]);
export type CountsBy = z.infer<typeof countsBy>;

/** `oldestSince`: when the oldest of them last changed its status. */
export const countsAnswer = z.object({
  items: z.array(z.object({ key: z.string(), count: z.int(), oldestSince: z.string() })),
});
export type CountsAnswer = z.infer<typeof countsAnswer>;
