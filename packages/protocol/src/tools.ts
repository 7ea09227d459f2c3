/**
 * The agents' tools (spec/api.md §4): name, roles, arguments. The role in the session's token
 * decides which exist for it. Arguments are strict; names are `snake_case`.
 */
import { z } from "zod";
import {
  beadKind,
  beadStatus,
  beadType,
  convoyMode,
  nudgeMode,
  priority,
  role,
  severity,
  type Role,
} from "./states.ts";
import { convoyTaskArgs, WORK_TOOLS } from "./tools-work.ts";
import { triageAction } from "./triage.ts";
import { body, labels, longText, metadata, text, title } from "./text.ts";

export interface ToolSpec {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly description: string;
  readonly input: z.ZodObject;
  /** Repeating the call with the same arguments within 10 minutes returns the first result. */
  readonly makesSomething: boolean;
}

const ref = text(1, 64);
const everyone: readonly Role[] = ["mayor", "polecat", "refinery", "triage"];

const task = convoyTaskArgs.extend({ depends_on: z.array(z.int()).max(50).optional() });

export const TOOLS = {
  gt_prime: {
    roles: everyone,
    description:
      "Who you are and what to do: your bead, branch, target, work order, blockers' results, earlier attempts, gates and rules.",
    input: z.strictObject({}),
    makesSomething: false,
  },
  gt_status: {
    roles: everyone,
    description: "Show in one short line what you are doing now.",
    input: z.strictObject({ message: text(1, 280) }),
    makesSomething: false,
  },
  gt_checkpoint: {
    roles: everyone,
    description:
      "Keep a note or a small object for the next attempt at this bead, should this session be lost.",
    input: z.strictObject({ data: metadata.optional(), note: text(1, 4_000).optional() }),
    makesSomething: false,
  },
  gt_bead_status: {
    roles: everyone,
    description: "State of a bead (your own by default): status, reason, what it waits for.",
    input: z.strictObject({ bead_id: ref.optional() }),
    makesSomething: false,
  },
  gt_mail_check: {
    roles: everyone,
    description:
      "Mail for you from people and other agents. What was shown counts as read with your next call.",
    input: z.strictObject({}),
    makesSomething: false,
  },
  gt_mail_send: {
    roles: everyone,
    description:
      "Write to another agent (id or name) or to the mayor; an idle agent reads it when it starts.",
    input: z.strictObject({ to: text(1, 120), subject: text(1, 200), body: longText }),
    makesSomething: true,
  },
  gt_escalate: {
    roles: everyone,
    description: "Ask a person, when you cannot go on by yourself. Say what you need and why.",
    input: z.strictObject({
      title: text(1, 200),
      body: text(0, 20_000).optional(),
      severity: severity.optional(),
      category: text(1, 60).optional(),
      metadata: metadata.optional(),
    }),
    makesSomething: true,
  },
  gt_triage_resolve: {
    roles: ["triage"],
    description:
      "Decide one request of your batch by one of the actions that it offers; message is what nudge and guide tell the agent.",
    input: z.strictObject({
      request_id: ref,
      action: triageAction,
      notes: text(1, 5_000),
      message: text(1, 4_000).optional(),
    }),
    makesSomething: false,
  },
  gt_done: {
    roles: ["polecat", "refinery", "triage"],
    description:
      "Polecat: you are finished; the town commits what is left, pushes your branch and hands it on. Use no_changes only when nothing had to change, and say why. Refinery: not needed, a review ends with a verdict. Triage: your batch is over.",
    input: z.strictObject({
      summary: longText.optional(),
      no_changes: z.boolean().optional(),
      steps_reason: text(1, 2_000).optional(),
    }),
    makesSomething: false,
  },
  gt_mol_current: {
    roles: ["polecat"],
    description: "The step of your bead that is to be done now, with its instructions.",
    input: z.strictObject({}),
    makesSomething: false,
  },
  gt_mol_advance: {
    roles: ["polecat"],
    description: "The current step is done: say in a few words how. Returns the next one.",
    input: z.strictObject({ summary: text(1, 5_000) }),
    makesSomething: true,
  },
  gt_gate_log: {
    roles: ["polecat", "refinery"],
    description:
      "The log of a gate that ran on the change that your work or review is about: its exit code and the last lines.",
    input: z.strictObject({ gate: text(1, 200), tail: z.int().min(1).max(2_000).optional() }),
    makesSomething: false,
  },
  gt_pr_threads: {
    roles: ["polecat", "refinery"],
    description:
      "The review threads of the pull request that your work or review is about, with file, line and all comments.",
    input: z.strictObject({ all: z.boolean().optional() }),
    makesSomething: false,
  },
  gt_pr_reply: {
    roles: ["polecat", "refinery"],
    description:
      "Answer a review thread, and resolve it when what it asks for is done. Needs no token of yours; said twice it is posted once.",
    input: z.strictObject({
      thread_id: text(1, 200),
      body: text(1, 10_000),
      resolve: z.boolean().optional(),
    }),
    makesSomething: false,
  },
  gt_approve: {
    roles: ["refinery"],
    description: "Verdict: this head may land. The town tests and merges it.",
    input: z.strictObject({ summary: longText }),
    makesSomething: false,
  },
  gt_request_changes: {
    roles: ["refinery"],
    description: "Verdict: this head must be changed first. Say exactly what is wrong and where.",
    input: z.strictObject({
      feedback: longText,
      files: z
        .array(
          z.strictObject({
            path: text(1, 500),
            line: z.int().min(1).optional(),
            note: text(1, 2_000).optional(),
          }),
        )
        .max(50)
        .optional(),
    }),
    makesSomething: false,
  },
  gt_sling: {
    roles: ["mayor"],
    description: "Make one bead (a unit of work); it is worked on as soon as a slot is free.",
    input: z.strictObject({
      rig_id: ref,
      title,
      body: body.optional(),
      priority: priority.optional(),
      labels: labels.optional(),
      metadata: metadata.optional(),
      depends_on: z.array(ref).max(50).optional(),
      model: text(1, 200).optional(),
      formula: text(1, 60).optional(),
      vars: z.record(z.string().max(60), text(0, 2_000)).optional(),
      allow_duplicate: z.boolean().optional(),
    }),
    makesSomething: true,
  },
  gt_sling_batch: {
    roles: ["mayor"],
    description:
      "Make a convoy: up to 50 tasks with their dependencies (depends_on holds indices of earlier or later tasks). Tasks without any dependency between them need parallel: true.",
    input: z.strictObject({
      rig_id: ref,
      convoy_title: title,
      tasks: z.array(task).min(1).max(50),
      merge_mode: convoyMode.optional(),
      parallel: z.boolean().optional(),
      staged: z.boolean().optional(),
      metadata: metadata.optional(),
    }),
    makesSomething: true,
  },
  gt_convoy_start: {
    roles: ["mayor"],
    description: "Start a staged convoy, once the person agrees.",
    input: z.strictObject({ convoy_id: ref }),
    makesSomething: false,
  },
  gt_convoy_status: {
    roles: ["mayor"],
    description: "Progress of a convoy: its beads, who works on what, landing.",
    input: z.strictObject({ convoy_id: ref }),
    makesSomething: false,
  },
  gt_list_rigs: {
    roles: ["mayor"],
    description: "The repositories of this town.",
    input: z.strictObject({}),
    makesSomething: false,
  },
  gt_list_beads: {
    roles: ["mayor"],
    description: "Beads with what each waits for.",
    input: z.strictObject({
      rig_id: ref.optional(),
      status: beadStatus.optional(),
      type: beadType.optional(),
      kind: beadKind.optional(),
      convoy_id: ref.optional(),
      held: z.boolean().optional(),
      q: text(1, 200).optional(),
      limit: z.int().min(1).max(100).optional(),
      cursor: text(1, 500).optional(),
    }),
    makesSomething: false,
  },
  gt_list_agents: {
    roles: ["mayor"],
    description: "The agents and what each is doing.",
    input: z.strictObject({ rig_id: ref.optional(), role: role.optional() }),
    makesSomething: false,
  },
  gt_list_convoys: {
    roles: ["mayor"],
    description: "Convoys that are not finished, or those of one state.",
    input: z.strictObject({ state: text(1, 20).optional() }),
    makesSomething: false,
  },
  gt_list_merges: {
    roles: ["mayor"],
    description: "The merge queue.",
    input: z.strictObject({ rig_id: ref.optional(), state: text(1, 20).optional() }),
    makesSomething: false,
  },
  gt_list_escalations: {
    roles: ["mayor"],
    description: "What needs a person.",
    input: z.strictObject({ open: z.boolean().optional() }),
    makesSomething: false,
  },
  gt_why: {
    roles: ["mayor"],
    description: "Why a bead is not running: what it waits for, what decides, and what a person can do.",
    input: z.strictObject({ bead_id: ref }),
    makesSomething: false,
  },
  gt_bead_update: {
    roles: ["mayor"],
    description:
      "Change what a bead says or waits for (depends_on replaces; [] clears; model null: the one that is set).",
    input: z.strictObject({
      bead_id: ref,
      title: title.optional(),
      body: body.optional(),
      priority: priority.optional(),
      labels: labels.optional(),
      metadata: metadata.optional(),
      depends_on: z.array(ref).max(50).optional(),
      rig_id: ref.optional(),
      model: text(1, 200).nullable().optional(),
    }),
    makesSomething: false,
  },
  gt_bead_hold: {
    roles: ["mayor"],
    description: "Keep an open bead from starting.",
    input: z.strictObject({ bead_id: ref }),
    makesSomething: false,
  },
  gt_bead_start: {
    roles: ["mayor"],
    description: "Release a held bead, or end its cooldown.",
    input: z.strictObject({ bead_id: ref }),
    makesSomething: false,
  },
  gt_bead_close: {
    roles: ["mayor"],
    description:
      "Close a bead; a live session is stopped, its work saved. done_elsewhere and waived count as done.",
    input: z.strictObject({
      bead_id: ref,
      reason: z.enum(["cancelled", "duplicate", "done_elsewhere", "waived"]),
      note: text(0, 2_000).optional(),
    }),
    makesSomething: false,
  },
  gt_bead_fail: {
    roles: ["mayor"],
    description: "Give a bead up; what waits for it then waits for a decision.",
    input: z.strictObject({ bead_id: ref, note: text(1, 2_000) }),
    makesSomething: false,
  },
  gt_bead_reassign: {
    roles: ["mayor"],
    description: "End a bead's session, its work saved, and say which agent should or should not go on.",
    input: z.strictObject({ bead_id: ref, agent_id: ref.optional(), avoid_agent_id: ref.optional() }),
    makesSomething: false,
  },
  gt_agent_reset: {
    roles: ["mayor"],
    description: "End an agent's session, its work saved; its bead opens again, nothing counted.",
    input: z.strictObject({ agent_id: ref }),
    makesSomething: false,
  },
  gt_escalation_acknowledge: {
    roles: ["mayor"],
    description: "Say that a question is being looked at, so that it is not raised again.",
    input: z.strictObject({ escalation_id: ref }),
    makesSomething: false,
  },
  gt_escalation_resolve: {
    roles: ["mayor"],
    description:
      "Answer a question by one of its choices or by a text that its asker is told. What approves or allows something is a person's.",
    input: z.strictObject({
      escalation_id: ref,
      choice: text(1, 40).optional(),
      note: text(1, 20_000).optional(),
    }),
    makesSomething: false,
  },
  gt_nudge: {
    roles: ["mayor"],
    description:
      "Push a short message to an agent that works now: when_idle after its turn, now by interrupting it, queue also in its next session.",
    input: z.strictObject({
      agent_id: ref,
      message: text(1, 4_000),
      mode: nudgeMode.optional(),
      urgent: z.boolean().optional(),
      ttl_seconds: z.int().min(10).max(86_400).optional(),
    }),
    makesSomething: true,
  },
  gt_bead_retry: {
    roles: ["mayor"],
    description: "Give a failed bead a new start.",
    input: z.strictObject({ bead_id: ref, fresh: z.boolean().optional(), note: text(0, 2_000).optional() }),
    makesSomething: false,
  },
  ...WORK_TOOLS,
} as const satisfies Record<string, Omit<ToolSpec, "name">>;

export type { ConvoyTaskArgs } from "./tools-work.ts";

export type ToolName = keyof typeof TOOLS;
export type ToolInput<N extends ToolName> = z.infer<(typeof TOOLS)[N]["input"]>;

/** The tools that exist for a role, in the order of the table. */
export function toolsOf(role: Role): ToolSpec[] {
  return Object.entries(TOOLS)
    .filter(([, spec]) => (spec.roles as readonly Role[]).includes(role))
    .map(([name, spec]) => ({ name, ...spec }));
}
