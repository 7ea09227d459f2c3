/** Merge requests as people and scripts see them (spec/api.md §3.8). */
import { z } from "zod";
import { approvalState, checkRun, mergeableState, reviewThread } from "./forge.ts";
import { mergeMethod, mergeState, mergeStrategy } from "./states.ts";
import { waitingOn } from "./waiting-shape.ts";

const time = z.string();
const version = z.int();

export const gateShape = z.object({
  name: z.string(),
  exitCode: z.int().nullable(),
  durationMs: z.int(),
  logTail: z.string(),
  /** Its complete log; null: it was not kept. */
  logId: z.string().nullable(),
});

export const mergeRequestShape = z.object({
  id: z.string(),
  title: z.string(),
  state: mergeState,
  sourceBeadId: z.string().nullable(),
  convoyId: z.string().nullable(),
  landsConvoy: z.boolean(),
  rigId: z.string(),
  branch: z.string(),
  target: z.string(),
  strategy: mergeStrategy,
  method: mergeMethod,
  headSha: z.string(),
  reviewedSha: z.string().nullable(),
  verdict: z
    .object({
      kind: z.enum(["approve", "request_changes"]),
      summary: z.string(),
      headSha: z.string(),
      at: time,
      sessionId: z.string().nullable(),
    })
    .nullable(),
  gates: z.array(gateShape),
  counters: z.object({ changeRounds: z.int(), feedbackRounds: z.int() }),
  /** Everything that was asked for so far, oldest first. */
  rounds: z.array(
    z.object({
      headSha: z.string(),
      kind: z.string(),
      feedback: z.string(),
      fixBeadId: z.string().nullable(),
    }),
  ),
  /** A pull request that a person opened and gave to the town. */
  adopted: z.boolean(),
  forcePushAllowed: z.boolean(),
  /** Why it is kept from landing; null: it is not. */
  held: z.string().nullable(),
  /** Its place in the lane of its rig and target, 1 first; absent: it waits for no turn. */
  queue: z.object({ lane: z.string(), position: z.int() }).optional(),
  /** What the last reading of its pull request showed; null without one. */
  pullRequest: z
    .object({
      url: z.string(),
      number: z.int(),
      state: z.enum(["open", "merged", "closed"]),
      draft: z.boolean(),
      mergeable: mergeableState,
      /** Null: not read yet, or could not be read. */
      approval: approvalState.nullable(),
      threads: z.array(reviewThread).nullable(),
      checks: z.array(checkRun).nullable(),
      readAt: time,
      nextPollAt: time.nullable(),
      /** Kind of the last poll's error; null: it succeeded. */
      pollError: z.string().nullable(),
      mergedBy: z.string().nullable(),
      mergedHead: z.string().nullable(),
    })
    .nullable(),
  waitingOn: waitingOn.optional(),
  failure: z.object({ kind: z.string(), message: z.string() }).nullable(),
  mergeCommit: z.string().nullable(),
  createdAt: time,
  updatedAt: time,
  version,
});
export type MergeRequest = z.infer<typeof mergeRequestShape>;

/** A merge request that waits for a person (spec/api.md §3.8). */
export const attentionItem = z.object({
  category: z.enum([
    "failed",
    "approval",
    "question",
    "conflict",
    "rounds_exhausted",
    "checks_red",
    "manual_merge",
    "stale",
  ]),
  since: time,
  reason: z.string(),
  actions: z.array(z.enum(["retry", "dismiss", "open", "refresh", "answer", "merge", "hold"])),
  mergeRequest: mergeRequestShape,
  sourceBead: z.object({ id: z.string(), title: z.string() }).optional(),
  convoy: z.object({ id: z.string(), title: z.string() }).optional(),
  rigName: z.string(),
  agentName: z.string().optional(),
});
export type AttentionItem = z.infer<typeof attentionItem>;

/** The landing of one rig into one target (spec/api.md §3.8). */
export const mergeLane = z.object({
  rigId: z.string(),
  target: z.string(),
  /** `red`: the target fails its own gates. */
  state: z.enum(["paused", "red", "landing", "waiting", "idle"]),
  reason: z.string().nullable(),
  pausedBy: z.string().nullable(),
  /** Red: when it is tried again by itself. */
  until: time.nullable(),
  /** What is being merged and tested now. */
  inTest: z.array(z.string()),
  /** In the order in which they land; a pull request has no position: it lands when its forge lets it. */
  changes: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      strategy: mergeStrategy,
      state: mergeState,
      position: z.int().nullable(),
      why: z.string().nullable(),
    }),
  ),
});
export type MergeLane = z.infer<typeof mergeLane>;
