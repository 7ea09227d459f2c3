/** What triage is asked, and what it may decide (spec/api.md §4.5). */
import { z } from "zod";

export const triageAction = z.enum([
  "restart",
  "restart_with_backoff",
  "reassign",
  "nudge",
  "guide",
  "fail_bead",
  "escalate",
  "escalate_to_person",
  "discard",
]);
export type TriageAction = z.infer<typeof triageAction>;

export const triageItem = z.object({
  id: z.string(),
  /** An agent that has gone silent, or a question that one asked. */
  type: z.enum(["inactivity", "question"]),
  /** What is known of it; parts of it came from agents. */
  text: z.string(),
  actions: z.array(triageAction),
});
export type TriageItem = z.infer<typeof triageItem>;
