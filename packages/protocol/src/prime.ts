/** What an agent is given at its start and by `gt_prime` (spec/town.md §6), as data. */
import { z } from "zod";
import { beadKind, priority, role } from "./states.ts";
import { triageItem } from "./triage.ts";

const briefBead = z.object({ id: z.string(), title: z.string(), body: z.string() });

export const primeContext = z.object({
  town_id: z.string(),
  session_id: z.string(),
  role,
  agent: z.object({ id: z.string(), name: z.string() }),
  rig: z.object({ id: z.string(), name: z.string(), default_branch: z.string() }).nullable(),
  bead: briefBead.extend({ kind: beadKind, priority, attempt: z.int() }).nullable(),
  /** For a fix bead or a review: the issue (or convoy) that the merge request came from. */
  source: briefBead.nullable(),
  branch: z.string().nullable(),
  target: z.string().nullable(),
  /** The merge request that this session reviews or repairs. */
  review: z
    .object({
      id: z.string(),
      branch: z.string(),
      target: z.string(),
      head_sha: z.string(),
      round: z.int(),
      gates: z.array(z.object({ name: z.string(), exit_code: z.int().nullable(), log_tail: z.string() })),
    })
    .nullable(),
  work_order: z
    .object({
      kind: beadKind,
      text: z.string(),
      files: z.array(z.object({ path: z.string(), line: z.int().optional(), note: z.string().optional() })),
    })
    .nullable(),
  blockers: z.array(z.object({ id: z.string(), title: z.string(), summary: z.string() })),
  attempts: z.array(
    z.object({
      outcome: z.string(),
      reason: z.string(),
      status: z.string().nullable(),
      checkpoint: z.unknown(),
      work_ref: z.string().nullable(),
    }),
  ),
  gates: z.array(z.object({ name: z.string(), command: z.string() })),
  /** What a triage session is to judge. */
  triage: z.array(triageItem),
  /** To be done in this order. */
  steps: z.array(z.object({ title: z.string(), instructions: z.string(), done: z.boolean() })),
  /** What others wrote and this agent has not read for certain. */
  mail: z.array(z.object({ id: z.string(), from: z.string(), subject: z.string(), body: z.string() })),
  instructions: z.string(),
});
export type PrimeContext = z.infer<typeof primeContext>;
