/** With which the mayor ends, retries and removes work (spec/api.md §4.4). */
import { z } from "zod";
import { convoyMode, priority, type Role } from "./states.ts";
import { body, branchName, labels, text, title } from "./text.ts";
import { uiAction } from "./ui-action.ts";

const ref = text(1, 64);
const note = text(0, 2_000).optional();
const roles = ["mayor"] as const satisfies readonly Role[];

/** A task of a convoy as the mayor says it. */
export const convoyTaskArgs = z.strictObject({
  title,
  body: body.optional(),
  rig_id: ref.optional(),
  priority: priority.optional(),
  labels: labels.optional(),
  model: text(1, 200).optional(),
  formula: text(1, 60).optional(),
  vars: z.record(z.string().max(60), text(0, 2_000)).optional(),
});

export type ConvoyTaskArgs = z.infer<typeof convoyTaskArgs>;

export const WORK_TOOLS = {
  gt_adopt_pr: {
    roles,
    description:
      "Have the town look after an open pull request of one of its rigs until it is merged. Its history is rewritten only with force_push_allowed.",
    input: z.strictObject({
      rig_id: ref,
      pr_url: text(1, 2_000),
      title: title.optional(),
      body: body.optional(),
      force_push_allowed: z.boolean().optional(),
    }),
    makesSomething: false,
  },
  gt_convoy_update: {
    roles,
    description:
      "Change a convoy's title, or, before any of its beads has begun, how and in which branch it lands.",
    input: z.strictObject({
      convoy_id: ref,
      title: title.optional(),
      merge_mode: convoyMode.optional(),
      feature_branch: branchName.optional(),
    }),
    makesSomething: false,
  },
  gt_convoy_add_bead: {
    roles,
    description:
      "Add to a convoy that is not landing yet: an open bead that nobody has begun (bead_id), or a new task. depends_on: ids of beads that must be done first.",
    input: z.strictObject({
      convoy_id: ref,
      bead_id: ref.optional(),
      task: convoyTaskArgs.optional(),
      depends_on: z.array(ref).max(50).optional(),
    }),
    makesSomething: true,
  },
  gt_convoy_remove_bead: {
    roles,
    description: "Take an open or failed bead out of its convoy; it goes on alone, without its edges there.",
    input: z.strictObject({ convoy_id: ref, bead_id: ref }),
    makesSomething: false,
  },
  gt_ui_action: {
    roles,
    description:
      "Show something on this town's open pages: a bead, convoy, agent or question, or another page.",
    input: z.strictObject({ action: uiAction }),
    makesSomething: false,
  },
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
