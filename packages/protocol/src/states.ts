/** Every closed list of states, kinds and outcomes that crosses a process (spec/town.md §2). */
import { z } from "zod";

export const beadType = z.enum(["issue", "convoy", "merge_request", "escalation", "molecule"]);
export const beadKind = z.enum(["work", "rework", "feedback", "conflict", "triage"]);
export const beadStatus = z.enum(["open", "in_progress", "in_review", "closed", "failed"]);
export const priority = z.enum(["low", "medium", "high", "critical"]);
export const role = z.enum(["mayor", "polecat", "refinery", "triage"]);
export const sessionState = z.enum(["starting", "running", "settling", "ended"]);
export const sessionOutcome = z.enum([
  "submitted",
  "no_changes",
  "approved",
  "changes_requested",
  "completed",
  "failed",
  "refused",
  "lost",
  "evicted",
  "stopped",
]);
export const mergeState = z.enum([
  "queued",
  "reviewing",
  "changes_requested",
  "approved",
  "landing",
  "merged",
  "failed",
]);
export const convoyState = z.enum(["staged", "active", "landing", "landed", "failed", "closed"]);
export const convoyMode = z.enum(["review-then-land", "review-and-merge"]);
export const rigState = z.enum(["pending", "ready", "broken"]);
export const mergeStrategy = z.enum(["direct", "pr"]);
export const mergeMethod = z.enum(["merge", "squash", "rebase", "auto"]);
export const severity = z.enum(["low", "medium", "high", "critical"]);
export const agentStatus = z.enum(["idle", "starting", "working", "waiting", "stalled", "stopping"]);
/** `now` interrupts, `when_idle` waits for the end of the turn, `queue` also for the next session (spec/town.md §6). */
export const nudgeMode = z.enum(["when_idle", "now", "queue"]);
/** How far a start came, and where it failed (spec/runner.md §7). */
export const startPhase = z.enum(["repository", "worktree", "process", "handshake", "tools", "first_turn"]);
/** The order in which they are listed is the order in which they are told (spec/api.md §3.6). */
export const waitingCode = z.enum([
  "held",
  "staged",
  "blocked",
  "blocked_by_failed",
  "draining",
  "paused",
  "budget",
  "breaker",
  "cooldown",
  "no_slot",
  "runner_unavailable",
  "gates",
  "review_slot",
  "verdict",
  "rework",
  "landing_queue",
  "checks",
  "threads",
  "approval",
  "conflict",
  "grace",
  "poll_backoff",
  "unknown",
  "manual",
  "question",
  "settling",
  "model_quota",
  "permission",
  "members",
]);

export type BeadType = z.infer<typeof beadType>;
export type BeadKind = z.infer<typeof beadKind>;
export type BeadStatus = z.infer<typeof beadStatus>;
export type Priority = z.infer<typeof priority>;
export type Role = z.infer<typeof role>;
export type SessionState = z.infer<typeof sessionState>;
export type SessionOutcome = z.infer<typeof sessionOutcome>;
export type MergeState = z.infer<typeof mergeState>;
export type ConvoyState = z.infer<typeof convoyState>;
export type ConvoyMode = z.infer<typeof convoyMode>;
export type RigState = z.infer<typeof rigState>;
export type MergeStrategy = z.infer<typeof mergeStrategy>;
export type MergeMethod = z.infer<typeof mergeMethod>;
export type Severity = z.infer<typeof severity>;
export type AgentStatus = z.infer<typeof agentStatus>;
export type StartPhase = z.infer<typeof startPhase>;
export type NudgeMode = z.infer<typeof nudgeMode>;
export type WaitingCode = z.infer<typeof waitingCode>;
