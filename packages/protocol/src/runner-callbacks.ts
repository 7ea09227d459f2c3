/**
 * What a runner tells its town (spec/api.md §3.16). Each body is one fact; each may arrive twice.
 * Names are `snake_case`. Everything about a session carries that session's epoch.
 */
import { z } from "zod";
import { formula, formulaProblem } from "./formulas.ts";
import { idSchema } from "./ids.ts";
import { permissionId } from "./permissions.ts";
import { startRequest } from "./runner-control.ts";
import { nudgeMode, startPhase } from "./states.ts";
import { sha, text } from "./text.ts";

const epoch = z.int().min(1);
const sessionId = idSchema("session");

/** Whoever answers for a model, and by which credentials it knows the runner: `key` is equal for equal ones. */
const modelProvider = z.strictObject({ key: text(1, 300), name: text(1, 200) });

export const failureReason = z.strictObject({
  code: text(1, 60),
  phase: startPhase.optional(),
  message: text(0, 4_000),
  action: text(0, 1_000).optional(),
  stderr_tail: text(0, 16_000).optional(),
  /** When it is worth trying again (epoch ms), where somebody said so. */
  until: z.int().optional(),
  /** Whose model did not answer, where that is the reason. */
  provider: modelProvider.optional(),
});
export type FailureReason = z.infer<typeof failureReason>;

/** Lower bounds, as agents report them (spec/runner.md §4). */
export const usage = z.strictObject({
  tokens_in: z.int().min(0),
  tokens_out: z.int().min(0),
  usd: z.number().min(0),
  usd_known: z.boolean(),
});
export type Usage = z.infer<typeof usage>;

/** `POST T/runner/register`, authenticated by the boot secret. */
export const registerRequest = z.strictObject({
  instance_id: idSchema("runner"),
  version: text(1, 60),
  pid: z.int().optional(),
  control: z.strictObject({ url: z.string(), bearer: z.string() }),
});
export type RegisterRequest = z.infer<typeof registerRequest>;
export const registerAnswer = z.strictObject({
  epoch,
  token: z.string(),
  expires_at: z.string(),
  heartbeat_seconds: z.int(),
  config_version: z.int().optional(),
  /** Sessions that should live here, the mayor first. */
  desired: z.array(startRequest),
  /** All that the town has: what else is on the runner's disk may go. Absent: nothing is known of it. */
  known: z.strictObject({ agents: z.array(z.string()), rigs: z.array(z.string()) }).optional(),
});
export type RegisterAnswer = z.infer<typeof registerAnswer>;

/** A log of a session on its runner's disk: of its setup commands, or of an agent process that it was in. */
export const sessionLog = z.strictObject({ kind: z.enum(["setup", "stderr"]), log_id: idSchema("log") });
export type SessionLog = z.infer<typeof sessionLog>;
/** More are not remembered: the newest are kept. */
export const SESSION_LOGS = 20;
const sessionLogs = z.array(sessionLog).max(SESSION_LOGS);

export const heartbeatSession = z.strictObject({
  session_id: sessionId,
  epoch,
  state: z.enum(["queued", "provisioning", "opening", "busy", "idle", "settling", "gone"]),
  /** Epoch milliseconds of the last update from the agent; null before the first. */
  last_event_at: z.int().nullable(),
  active_tools: z.array(z.string()),
  prompted: z.boolean(),
  usage,
  /** Permission requests of its agent that a person is to decide. */
  permissions: z.array(permissionId).max(50).optional(),
  logs: sessionLogs.optional(),
  /** Its model's provider does not answer for now: its turn is repeated at `until` (epoch ms). */
  waiting_for_model: z
    .strictObject({ until: z.int(), provider: text(1, 200), message: text(0, 1_000) })
    .optional(),
});
export type HeartbeatSession = z.infer<typeof heartbeatSession>;

export const heartbeatRequest = z.strictObject({
  instance_id: idSchema("runner"),
  draining: z.boolean(),
  sessions: z.array(heartbeatSession),
  /** Keys of providers whose models have answered since the last heartbeat that was answered. */
  models_answered: z.array(text(1, 300)).max(200).optional(),
});
export type HeartbeatRequest = z.infer<typeof heartbeatRequest>;
export const heartbeatAnswer = z.strictObject({
  sessions: z.array(
    z.strictObject({
      session_id: sessionId,
      /** `fenced`, `unknown`: save its work and end it. `stop`: the same, it was asked to stop. */
      verdict: z.enum(["ok", "fenced", "stop", "unknown"]),
      token: z.string().optional(),
      /** How many nudges wait for it: it claims them when it can show them. */
      nudges: z.int().optional(),
    }),
  ),
  /** Of the permission requests that were said to wait: what was decided. */
  permissions: z
    .array(
      z.strictObject({
        session_id: sessionId,
        request_id: permissionId,
        decision: z.enum(["allow", "deny"]),
      }),
    )
    .optional(),
  /** A renewed runner token, when less than half of the old one's life is left. */
  token: z.string().optional(),
  expires_at: z.string().optional(),
  /** The settings' version by now; the town sends what changed by itself. */
  config_version: z.int().optional(),
});
export type HeartbeatAnswer = z.infer<typeof heartbeatAnswer>;

/** `POST T/sessions/:sessionId/status`. With phase `tools` the answer says whether they were listed. */
export const sessionStatus = z.strictObject({
  epoch,
  phase: startPhase,
  text: text(1, 280).optional(),
  /** How long the answer may wait for the tools to be listed, in milliseconds. */
  wait_ms: z.int().min(0).max(25_000).optional(),
  /** The agent's own id of the conversation, as soon as it is known. */
  conversation_id: text(1, 400).optional(),
});
export type SessionStatus = z.infer<typeof sessionStatus>;
export const sessionStatusAnswer = z.strictObject({ ok: z.literal(true), tools_listed: z.boolean() });

/** `POST T/sessions/:sessionId/settle`: what became of the work (spec/review.md §1). */
export const settleResult = z
  .strictObject({
    epoch,
    settle_id: idSchema("settle"),
    result: z.enum(["pushed", "nothing_to_push", "changes_present", "branch_moved", "push_failed", "error"]),
    branch: z.string().nullable(),
    base_sha: sha.nullable(),
    head_sha: sha.nullable(),
    commits: z.int().min(0),
    additions: z.int().min(0),
    deletions: z.int().min(0),
    committed_dirty: z.boolean(),
    error: z
      .strictObject({
        kind: z.enum(["auth", "rejected", "network", "trailer", "other"]),
        message: text(0, 4_000),
      })
      .nullable(),
  })
  .refine((r) => r.result !== "pushed" || r.head_sha !== null, {
    message: "pushed needs head_sha",
    path: ["head_sha"],
  });
export type SettleResult = z.infer<typeof settleResult>;

/** Unfinished work that is not at its session's `work_ref`. */
export const keptWork = z.strictObject({
  /** Path of the submodule that it is of; null: the repository itself. */
  submodule: text(1, 4_000).nullable(),
  /** A ref on its own remote; null: a bundle holds it. */
  ref: text(1, 400).nullable(),
  /** A file on the runner's disk, where the remote takes it nowhere; null: it is at `ref`. */
  bundle: text(1, 4_000).nullable(),
});
export type KeptWork = z.infer<typeof keptWork>;

/** `POST T/sessions/:sessionId/ended`: the agent is gone and its work is saved. */
export const sessionEnded = z.strictObject({
  epoch,
  /** `lost`: it was to settle what is not there any more. */
  outcome: z.enum(["completed", "failed", "refused", "evicted", "stopped", "lost"]),
  reason: failureReason,
  /** Where unfinished work was saved: a ref on the remote, or null when there was none. */
  work_ref: text(1, 300).nullable(),
  /** And the rest of it; absent: there is none. */
  kept: z.array(keptWork).max(200).optional(),
  usage,
  logs: sessionLogs.optional(),
});
export type SessionEnded = z.infer<typeof sessionEnded>;

/** `POST T/sessions/:sessionId/saved`: work of a session that goes on is on the remote, at this ref. */
export const sessionSaved = z.strictObject({ epoch, work_ref: text(1, 300) });
export type SessionSaved = z.infer<typeof sessionSaved>;

/** `POST T/sessions/:sessionId/turn`: a turn is over. */
export const turnEnded = z.strictObject({
  epoch,
  ended_at: z.int(),
  stop_reason: text(1, 60),
  /** The message that the turn answered; null for the first prompt. */
  message_id: text(1, 80).nullable(),
});
export type TurnEnded = z.infer<typeof turnEnded>;

/** `POST T/sessions/:sessionId/nudges/claim`: a busy session gets what interrupts, an idle one all. */
export const nudgesClaim = z.strictObject({ epoch, when: z.enum(["idle", "busy"]) });
export const claimedNudge = z.strictObject({
  nudge_id: idSchema("nudge"),
  text: z.string(),
  mode: nudgeMode,
  urgent: z.boolean(),
  /** Who sent it, as a name. */
  source: z.string(),
});
export type ClaimedNudge = z.infer<typeof claimedNudge>;
export const nudgesAnswer = z.strictObject({ nudges: z.array(claimedNudge) });
/** `POST T/sessions/:sessionId/nudges/:nudgeId/ack`: a turn has begun with it, or it could not be shown. */
export const nudgeAck = z.strictObject({ epoch, delivered: z.boolean() });

/** One transcript item; `seq` belongs to the session (spec/api.md §5.3). */
export const transcriptItem = z.strictObject({
  seq: z.int().min(1),
  at: z.int(),
  type: z.enum(["start", "update", "turn", "tool_result", "notice", "end"]),
  data: z.record(z.string(), z.unknown()),
});
export type TranscriptItem = z.infer<typeof transcriptItem>;

export const eventsRequest = z.strictObject({
  batches: z
    .array(z.strictObject({ session_id: sessionId, epoch, items: z.array(transcriptItem).max(2_000) }))
    .max(200),
});
export type EventsRequest = z.infer<typeof eventsRequest>;
export const eventsAnswer = z.strictObject({
  /** Everything up to `seq_to` is stored: the runner may forget it. */
  accepted: z.array(z.strictObject({ session_id: sessionId, seq_to: z.int() })),
  fenced: z.array(sessionId),
});

export type EventsAnswer = z.infer<typeof eventsAnswer>;

export const gateResult = z.strictObject({
  name: z.string(),
  /** Null: it ran out of time or could not be started. */
  exit_code: z.int().nullable(),
  duration_ms: z.int(),
  required: z.boolean(),
  log_tail: text(0, 32_000),
  /** Its complete log on the runner's disk; absent: it could not be kept. */
  log_ref: idSchema("log").optional(),
});
export type GateResult = z.infer<typeof gateResult>;

/** The typed end of what the runner accepted with 202, by the effect's kind. */
export const effectOutcome = z.discriminatedUnion("outcome", [
  z.strictObject({
    outcome: z.literal("rig_ready"),
    default_branch: z.string(),
    head_sha: sha,
    /** Of its default branch; absent: not read. */
    formulas: z.array(formula).optional(),
    formula_problems: z.array(formulaProblem).optional(),
  }),
  z.strictObject({
    outcome: z.literal("rig_broken"),
    problem: z.enum(["unreachable", "auth", "empty", "missing_branch", "not_allowed", "disk"]),
    message: z.string(),
    action: z.string(),
  }),
  z.strictObject({ outcome: z.literal("branch_done"), head_sha: sha.nullable() }),
  z.strictObject({ outcome: z.literal("gates_done"), gates: z.array(gateResult) }),
  z.strictObject({ outcome: z.literal("merged"), commit: sha, already: z.boolean() }),
  z.strictObject({ outcome: z.literal("head_moved"), head: sha.nullable() }),
  /** The branch stands at this head, which is the known one with the target merged in and nothing else. */
  z.strictObject({ outcome: z.literal("branch_updated"), head: sha }),
  /** What an agent said to a question. */
  z.strictObject({ outcome: z.literal("answered"), text: text(0, 20_000) }),
  z.strictObject({ outcome: z.literal("conflict"), files: z.array(z.string()).max(500) }),
  z.strictObject({
    outcome: z.literal("gates_failed"),
    gates: z.array(gateResult),
    /** Whether the target's own head fails the same gates: then the lane is at fault, not the work. */
    target_red: z.boolean(),
    /** The head that they were tried on; absent: a runner of an older version. */
    target_head: sha.optional(),
  }),
  /** Null: there was nothing to save. */
  z.strictObject({ outcome: z.literal("work_saved"), work_ref: z.string().nullable() }),
  z.strictObject({ outcome: z.literal("race_lost") }),
  z.strictObject({ outcome: z.literal("rejected"), reason: z.string() }),
  z.strictObject({ outcome: z.literal("auth"), reason: z.string() }),
  z.strictObject({ outcome: z.literal("missing_ref"), ref: z.string() }),
  z.strictObject({ outcome: z.literal("withdrawn") }),
  z.strictObject({ outcome: z.literal("error"), message: z.string() }),
]);
export type EffectOutcome = z.infer<typeof effectOutcome>;

/** `POST T/runner/effects/:effectId/settle`. */
export const effectSettle = z.strictObject({ attempt: z.int().min(1), result: effectOutcome });
export type EffectSettle = z.infer<typeof effectSettle>;

export const drainNotice = z.strictObject({ reason: z.enum(["sigterm", "host", "request"]) });
export const drainedNotice = z.strictObject({ sessions: z.array(sessionId) });

/**
 * `GET T/mayor/launch-context`: what the next start of the mayor will use. `agent_id` null: there is no
 * mayor; alone: it cannot be started. A null `organization` is authoritative; an absent field is not
 * known, as from an older server: then nothing may be concluded from the rest.
 */
export const launchContext = z.object({
  agent_id: z.string().nullable(),
  agent: z.object({ id: z.string(), name: z.string() }).optional(),
  session_id: z.string().optional(),
  runtime: z.string().optional(),
  model: z.string().nullable().optional(),
  small_model: z.string().nullable().optional(),
  organization: z.string().nullable().optional(),
  /** Changes with everything that a launch is made of. */
  spec_version: z.string().optional(),
  config_version: z.int().optional(),
});
export type LaunchContext = z.infer<typeof launchContext>;

/** `POST T/mayor/prewarm`: opens the mayor that this context described, and no other. */
export const prewarmRequest = z.strictObject({ spec_version: z.string() });
export const prewarmAnswer = z.object({ start: startRequest.nullable() });
