/** With which the mayor ends, retries and removes work (spec/api.md §4.4). */
import { z } from "zod";
import type { Role } from "./states.ts";
import { text } from "./text.ts";

const ref = text(1, 64);
const note = text(0, 2_000).optional();
const roles = ["mayor"] as const satisfies readonly Role[];

export const WORK_TOOLS = {
  gt_bead_delete: {
    roles,
    description:
      "Forget beads for good, up to 5,000; their branches stay. What is at work is left alone unless force is set.",
    input: z.strictObject({
      bead_ids: z.array(ref).min(1).max(5_000),
      force: z.boolean().optional(),
    }),
    makesSomething: false,
  },
  gt_convoy_close: {
    roles,
    description: "Close a convoy: its live work is stopped and saved, its branches stay.",
    input: z.strictObject({ convoy_id: ref, note }),
    makesSomething: false,
  },
  gt_convoy_retry: {
    roles,
    description: "Try a convoy's failed beads again, or its landing.",
    input: z.strictObject({ convoy_id: ref, note }),
    makesSomething: false,
  },
  gt_convoy_waive: {
    roles,
    description: "Let a convoy go on without one of its beads, which then counts as done; this is final.",
    input: z.strictObject({ convoy_id: ref, bead_id: ref, note: text(1, 2_000) }),
    makesSomething: false,
  },
  gt_merge_retry: {
    roles,
    description: "Put a failed merge request back into the queue.",
    input: z.strictObject({ bead_id: ref, note }),
    makesSomething: false,
  },
  gt_merge_dismiss: {
    roles,
    description: "Give a merge request up; the bead whose work it is is held until it is decided about.",
    input: z.strictObject({ bead_id: ref, note }),
    makesSomething: false,
  },
} as const;
