/** Bodies and queries of the routes (spec/api.md §3): `camelCase`, strict, without defaults. */
import { z } from "zod";
import { runtimeId } from "./config.ts";
import { formulaName, formulaVars, stepSpecs } from "./formulas.ts";
import { anyBeadId, idSchema } from "./ids.ts";
import { beadKind, beadStatus, beadType, convoyMode, nudgeMode, priority, waitingCode } from "./states.ts";
import { body, branchName, label, labels, metadata, name, note, text, title } from "./text.ts";

export const createTownBody = z.strictObject({ name });
export const gitUrl = text(1, 2_000);
/** `townId`: whose runner looks; any town's where it is left out. */
export const checkRepositoryBody = z.strictObject({
  gitUrl,
  defaultBranch: branchName.optional(),
  townId: idSchema("town").optional(),
});
export const createRigBody = z.strictObject({ name, gitUrl, defaultBranch: branchName.optional() });
export type CreateRigBody = z.infer<typeof createRigBody>;

/** With what its agents are started, in place of what the settings say for their role. */
const launchChoice = { model: text(1, 200).optional(), runtime: runtimeId.optional() };

export const slingBody = z.strictObject({
  title,
  body: body.optional(),
  priority: priority.optional(),
  labels: labels.optional(),
  metadata: metadata.optional(),
  dependsOn: z.array(anyBeadId).max(50).optional(),
  /** Steps, or a formula of the rig that gives them. */
  steps: stepSpecs.optional(),
  formula: formulaName.optional(),
  vars: formulaVars.optional(),
  ...launchChoice,
});
export type SlingBody = z.infer<typeof slingBody>;
/** `start: false` (the default): the bead is held until a person or the mayor starts it. */
export const createBeadBody = slingBody.extend({ start: z.boolean().optional() });
export type CreateBeadBody = z.infer<typeof createBeadBody>;

export const convoyTask = z.strictObject({
  title,
  body: body.optional(),
  rigId: idSchema("rig").optional(),
  dependsOn: z.array(z.int()).max(50).optional(),
  priority: priority.optional(),
  labels: labels.optional(),
  metadata: metadata.optional(),
  /** As for a bead of its own. */
  steps: stepSpecs.optional(),
  formula: formulaName.optional(),
  vars: formulaVars.optional(),
  ...launchChoice,
});
export const slingConvoyBody = z.strictObject({
  title,
  rigId: idSchema("rig"),
  tasks: z.array(convoyTask).min(1).max(50),
  mode: convoyMode.optional(),
  staged: z.boolean().optional(),
  parallel: z.boolean().optional(),
  metadata: metadata.optional(),
});
export type SlingConvoyBody = z.infer<typeof slingConvoyBody>;
export const updateConvoyBody = z
  .strictObject({
    title: title.optional(),
    mode: convoyMode.optional(),
    featureBranch: branchName.optional(),
  })
  .refine((change) => Object.keys(change).length > 0, "at least one field to change");
export type UpdateConvoyBody = z.infer<typeof updateConvoyBody>;
const dependsOn = z.array(anyBeadId).max(50).optional();
/** An open bead that nobody has begun, or a new task. */
export const addToConvoyBody = z.union([
  z.strictObject({ beadId: anyBeadId, dependsOn }),
  z.strictObject({ task: convoyTask.omit({ dependsOn: true }), dependsOn }),
]);
export type AddToConvoyBody = z.infer<typeof addToConvoyBody>;

export const closeBeadBody = z.strictObject({
  reason: z.enum(["cancelled", "duplicate", "done_elsewhere", "waived"]),
  note: note.optional(),
});
export const updateBeadBody = z
  .strictObject({
    title: title.optional(),
    body: body.optional(),
    priority: priority.optional(),
    labels: labels.optional(),
    metadata: metadata.optional(),
    parentId: anyBeadId.nullable().optional(),
    dependsOn: z.array(anyBeadId).max(50).optional(),
    rigId: idSchema("rig").optional(),
    /** For its next session; null: what the settings say. */
    model: launchChoice.model.nullable(),
    runtime: launchChoice.runtime.nullable(),
  })
  .refine((change) => Object.keys(change).length > 0, "at least one field to change");
export type UpdateBeadBody = z.infer<typeof updateBeadBody>;
export const reassignBody = z
  .strictObject({ agentId: idSchema("agent").optional(), avoidAgentId: idSchema("agent").optional() })
  .refine(
    (wish) => wish.agentId === undefined || wish.agentId !== wish.avoidAgentId,
    "the same agent cannot be wanted and avoided",
  );
export const failBeadBody = z.strictObject({ note });
export const retryBody = z.strictObject({ fresh: z.boolean().optional(), note: note.optional() });
/** `now` interrupts the turn that runs, `when_idle` waits for its end. */
const deliveryMode = z.enum(["when_idle", "now"]);
export const mayorMessageBody = z.strictObject({
  message: text(1, 20_000),
  /** What the person has before them; given to the mayor as data. */
  uiContext: text(1, 10_000).optional(),
  /** The rig that the person is looking at: an id, its ending, or a name. */
  rigId: text(1, 100).optional(),
  mode: deliveryMode.optional(),
});
export type MayorMessageBody = z.infer<typeof mayorMessageBody>;
/** `position` counts from 1, the next one to be delivered. */
export const mayorQueueChange = z.strictObject({
  message: text(1, 20_000).optional(),
  position: z.int().min(1).max(10_000).optional(),
  mode: deliveryMode.optional(),
});
export type MayorQueueChange = z.infer<typeof mayorQueueChange>;
/** `persist`: as the town's setting as well. */
export const mayorModelBody = z.strictObject({
  model: text(1, 200),
  smallModel: text(1, 200).optional(),
  persist: z.boolean().optional(),
});
export const sessionModelBody = z.strictObject({ model: text(1, 200) });
/** `live`: at once; `restarted`: between turns, with the conversation; `next_start`: when it starts. */
export const modelApplied = z.object({ applied: z.enum(["live", "restarted", "next_start"]) });
export const mayorUiContextBody = z.strictObject({ context: text(1, 10_000) });
export const mayorStopBody = z.strictObject({ newConversation: z.boolean().optional() });
export const stopSessionBody = z.strictObject({
  mode: z.enum(["graceful", "now"]).optional(),
  note: note.optional(),
});
export const nudgeBody = z.strictObject({
  message: text(1, 4_000),
  mode: nudgeMode.optional(),
  urgent: z.boolean().optional(),
  ttlSeconds: z.int().min(10).max(86_400).optional(),
});
export type NudgeBody = z.infer<typeof nudgeBody>;
export const sessionMessageBody = z.strictObject({
  text: text(1, 20_000),
  mode: nudgeMode.exclude(["queue"]),
});
export const resolveEscalationBody = z.strictObject({
  choice: text(1, 40).optional(),
  answer: text(1, 20_000).optional(),
});
export const noteBody = z.strictObject({ note: note.optional() });

export const beadFilter = z.strictObject({
  status: z.array(beadStatus).optional(),
  type: z.array(beadType).optional(),
  kind: z.array(beadKind).optional(),
  rigId: idSchema("rig").optional(),
  convoyId: idSchema("convoy").optional(),
  parentId: anyBeadId.optional(),
  priority: z.array(priority).optional(),
  label: z.array(label).optional(),
  held: z.boolean().optional(),
  /** May start as soon as there is a slot. */
  ready: z.boolean().optional(),
  /** What a bead itself waits for; not what keeps its whole rig. */
  waitingOn: z.array(waitingCode).optional(),
  updatedSince: z.iso.datetime({ offset: true }).optional(),
  idEnding: z.string().max(40).optional(),
  q: z.string().max(200).optional(),
});
export type BeadFilter = z.infer<typeof beadFilter>;
