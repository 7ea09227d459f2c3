/** What needs a person, in one list (spec/api.md §3.0 NeedsYou, §3.3). */
import { z } from "zod";
import { severity } from "./states.ts";
import { text } from "./text.ts";

const time = z.string();

export const needsYouKind = z.enum([
  "question",
  "permission",
  "convoy_staged",
  "convoy_held",
  "approval",
  "merge_failed",
  "pr_closed",
  "rounds_exhausted",
  "bead_failed",
  "credential",
  "rig_or_runtime",
  "budget",
  "breaker",
  "dead_letter",
]);
export type NeedsYouKind = z.infer<typeof needsYouKind>;

/** An operation of the API that a person can choose, with what it is about. */
export const needsYouAction = z.object({
  label: z.string(),
  operation: z.string(),
  args: z.record(z.string(), z.string()),
});
export type NeedsYouAction = z.infer<typeof needsYouAction>;

export const needsYouShape = z.object({
  /** The same as long as it is the same thing that is asked. */
  key: z.string(),
  kind: needsYouKind,
  question: z.string(),
  because: z.string(),
  since: time,
  severity,
  /** Work that goes on when this is answered. */
  holdsUp: z.int(),
  object: z.object({
    type: z.enum(["escalation", "bead", "convoy", "merge_request", "rig", "town", "effect", "inbox"]),
    id: z.string(),
  }),
  rigId: z.string().optional(),
  convoyId: z.string().optional(),
  primary: needsYouAction,
  others: z.array(needsYouAction),
  /** Hidden until then; `changed`: until it says something else. */
  snoozedUntil: z.union([time, z.literal("changed")]).optional(),
});
export type NeedsYou = z.infer<typeof needsYouShape>;

/** `snoozed`: true shows only those that were put aside, false or nothing the others. */
export interface NeedsYouFilter {
  kind?: readonly NeedsYouKind[] | undefined;
  rigId?: string | undefined;
  convoyId?: string | undefined;
  snoozed?: boolean | undefined;
}

/** `snoozed`: how many were put aside among all that the other filters let through. */
export const needsYouList = z.object({
  items: z.array(needsYouShape),
  nextCursor: z.null(),
  snoozed: z.int(),
});
export type NeedsYouList = z.infer<typeof needsYouList>;

export const snoozeBody = z.strictObject({
  keys: z.array(text(1, 300)).min(1).max(200),
  /** An instant in the future, at most a year away; or until it says something else. */
  until: z.union([z.iso.datetime({ offset: true }), z.literal("changed")]),
});
export type SnoozeBody = z.infer<typeof snoozeBody>;
