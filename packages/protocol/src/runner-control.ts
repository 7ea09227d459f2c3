/**
 * What the town asks of its runner (spec/runner.md §1): bodies and answers of the control server.
 * Names are `snake_case`. Unknown fields are refused. Errors are the shape of `ErrorBody`.
 */
import { z } from "zod";
import { setupSpec } from "./config.ts";
import { idSchema } from "./ids.ts";
import { permissionPolicy } from "./permissions.ts";
import { gateSpec } from "./review-config.ts";
import { mergeMethod, role } from "./states.ts";
import { branchName, sha, text } from "./text.ts";

const sessionId = idSchema("session");
const epoch = z.int().min(1);

/** A repository as the runner needs it. `git_url` never contains credentials. */
export const rigRef = z.strictObject({
  id: idSchema("rig"),
  name: text(1, 64),
  git_url: text(1, 2_000),
  default_branch: branchName,
  /** What its worktrees get beside its own files; absent: false. */
  submodules: z.boolean().optional(),
  lfs: z.boolean().optional(),
  /** Values of `--push-option` for pushes of its branches; absent: none. */
  push_options: z.array(text(1, 500)).max(20).optional(),
});
export type RigRef = z.infer<typeof rigRef>;

export const gitIdentity = z.strictObject({ name: text(1, 100), email: text(3, 320) });
export type GitIdentity = z.infer<typeof gitIdentity>;

/** The town's own variables. */
const variables = {
  env: z.record(z.string(), z.string()),
  /** Names in `env` whose values are shown to nobody. */
  secret_env: z.array(z.string()).optional(),
};

/** Launch settings of one session: the runner's half of the launch spec (spec/runner.md §3). */
export const launchSettings = z.strictObject({
  config_version: z.int(),
  ...variables,
  permission: permissionPolicy,
  setup: z.array(setupSpec),
  sessions_per_process: z.int().min(1),
  process_idle_minutes: z.int().min(1),
  /** MiB. */
  process_memory_mb: z.int().min(1),
  turn_idle_minutes: z.int().min(1),
});

/**
 * What a session is launched with, whoever it is: a change of settings changes this and nothing else
 * of a live session.
 */
const launchFields = {
  runtime: text(1, 60),
  /** Null: the runtime's own choice. */
  model: z.string().nullable(),
  small_model: z.string().nullable(),
  /** Role instructions. */
  system: z.string(),
  /**
   * The roles of this town with the same permission policy and their instructions: a runtime that has
   * modes is configured with all of them, so that their sessions share one process. Absent: only its own.
   */
  modes: z.array(z.strictObject({ role, system: z.string() })).optional(),
  author: gitIdentity,
  /** Trailer for the model's part in a commit; null: none. */
  coauthor: z.string().nullable(),
  settings: launchSettings,
};
export const sessionLaunch = z.strictObject(launchFields);
export type SessionLaunch = z.infer<typeof sessionLaunch>;

/** `POST /agents/start`: everything one session needs. The same `session_id` again is harmless. */
export const startRequest = z.strictObject({
  ...launchFields,
  session_id: sessionId,
  /** Fencing token: a lower one than the slot's newest is refused as `session_fenced`. */
  epoch,
  /** The slot: one agent has one directory, and one live session in it. */
  agent: z.strictObject({ id: idSchema("agent"), name: text(1, 64) }),
  role,
  /** Null for the mayor, which gets `checkouts` instead. */
  rig: rigRef.nullable(),
  checkouts: z.array(rigRef),
  bead: z.strictObject({ id: idSchema("bead"), title: z.string() }).nullable(),
  /** First turn. Null: the session opens and waits for a message (mayor). */
  prompt: z.string().nullable(),
  /** Branch to work on; null: detached at `start_point` (refinery). */
  branch: branchName.nullable(),
  /** A full ref name on the remote (`refs/heads/…`, `refs/gastown/wip/…`) or a commit id. */
  start_point: z.string().nullable(),
  /** Where the work is meant to land: settle wants commits that this branch lacks. */
  target: branchName.nullable(),
  /** For a fix bead: the remote head that it began from; settle wants commits beyond it. */
  start_head: sha.nullable(),
  /** Whether settle may replace the branch (a rebase), still by compare-and-swap. */
  allow_rewrite: z.boolean(),
  mcp: z.strictObject({ name: text(1, 40), url: z.string(), token: z.string() }),
  /** Set where the town asks for a session that an earlier runner instance had begun. */
  resume: z.boolean(),
  /** The agent's own conversation id, where one is known. */
  resume_from: z.string().nullable(),
  /**
   * Set where it was settling when its runner ended: that settle is asked for again. `head_sha` is what
   * it had committed, where that is known. Where the worktree is gone it is all that can be proved.
   */
  settling: z
    .strictObject({ settle_id: idSchema("settle"), head_sha: sha.nullable() })
    .nullable()
    .optional(),
  /** What was said before, for a conversation that cannot be taken up; null or absent: nothing. */
  recap: text(1, 41_000).nullable().optional(),
});
export type StartRequest = z.infer<typeof startRequest>;

export const startAnswer = z.strictObject({
  session_id: sessionId,
  state: z.enum(["queued", "provisioning", "opening", "busy", "idle", "settling", "gone"]),
  position: z.int(),
});
export type StartAnswer = z.infer<typeof startAnswer>;

export const settleRequest = z.strictObject({
  settle_id: idSchema("settle"),
  epoch,
  no_changes: z.boolean(),
  /** Subject for a commit of what the agent left uncommitted. */
  message: text(1, 300),
});
export type SettleRequest = z.infer<typeof settleRequest>;
/** `head_sha`: everything is committed, and this is the head; null: it is not so far yet. */
export const settleAnswer = z.object({ accepted: z.literal(true), head_sha: sha.nullable().default(null) });

/** `POST /git/save-work`: what the session has now goes to its WIP ref. Result `work_saved`. */
export const saveWorkRequest = z.strictObject({
  effect_id: idSchema("effect"),
  attempt: z.int().min(1),
  session_id: sessionId,
  epoch,
});

/** `GET /agents/:session/events`: what is kept here of its transcript, behind `after`. */
export const sessionEventsQuery = z.strictObject({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1_000).default(200),
});

export const stopRequest = z.strictObject({
  epoch,
  /** `graceful` waits for the end of the running turn, `now` cancels it. Work is saved in both. */
  mode: z.enum(["graceful", "now"]),
});
export type StopRequest = z.infer<typeof stopRequest>;

/** `POST /agents/:session/interrupt`: ends the turn, not the session. */
export const interruptRequest = z.strictObject({ epoch });

export const messageRequest = z.strictObject({
  message_id: text(1, 80),
  epoch,
  /** With what the town puts around a person's words. */
  text: text(1, 128_000),
  mode: z.enum(["when_idle", "now"]),
});
export type MessageRequest = z.infer<typeof messageRequest>;

/** `POST /agents/:sessionId/poke`: nudges wait in the town; the session claims them now. */
export const pokeRequest = z.strictObject({ epoch });

/** `POST /sync-config`: every live session as it should be launched from now on. Restarts nobody. */
export const syncRequest = z.strictObject({
  config_version: z.int(),
  sessions: z.array(z.strictObject({ session_id: sessionId, epoch, launch: sessionLaunch })),
});
export type SyncRequest = z.infer<typeof syncRequest>;

/**
 * What a change means for a session. `none`: nothing. `next_turn`: it is told, or set, before its next
 * turn. `move`: another launch spec, so that it goes to another process between turns, with its
 * conversation. `pending`: it is opening, and will be as wanted. `unknown`: not here; remembered.
 */
export const sessionChange = z.enum(["none", "next_turn", "move", "pending", "unknown"]);
export type SessionChange = z.infer<typeof sessionChange>;
export const syncAnswer = z.object({
  config_version: z.int(),
  sessions: z.array(z.object({ session_id: z.string(), change: sessionChange })),
});
export type SyncAnswer = z.infer<typeof syncAnswer>;

/** `PATCH /agents/:session/model`. An absent `small_model` stays as it is. */
export const modelRequest = z.strictObject({
  epoch,
  model: text(1, 200),
  small_model: text(1, 200).nullable().optional(),
});
export type ModelRequest = z.infer<typeof modelRequest>;
/** `live`: at once. `restarted`: between turns, in another process. `pending`: it opens with it. */
export const modelAnswer = z.object({ applied: z.enum(["live", "restarted", "pending"]) });
export type ModelAnswer = z.infer<typeof modelAnswer>;

/** `PUT /agents/:session/system-prompt`: holds from the next turn on. */
export const systemPromptRequest = z.strictObject({
  epoch,
  system: text(1, 200_000),
  modes: launchFields.modes,
});
export type SystemPromptRequest = z.infer<typeof systemPromptRequest>;

/** `POST /repos/check`: can this url be used at all? Answered at once, makes nothing. */
export const repoCheckRequest = z.strictObject({
  git_url: text(1, 2_000),
  branch: branchName.optional(),
  /** Whose credential is tried; absent: a url that is no rig yet. */
  rig_id: idSchema("rig").optional(),
});
export const repoCheckAnswer = z.strictObject({
  ok: z.boolean(),
  /** `empty` is a repository without any commit. */
  problem: z.enum(["unreachable", "auth", "empty", "missing_branch", "not_allowed"]).nullable(),
  message: z.string(),
  action: z.string(),
  default_branch: z.string().nullable(),
  head_sha: z.string().nullable(),
});
export type RepoCheckAnswer = z.infer<typeof repoCheckAnswer>;

const effect = { effect_id: idSchema("effect"), attempt: z.int().min(1) };

/** `POST /repos/setup`: clone or fetch. Result `setup_rig`. */
export const setupRigRequest = z.strictObject({ ...effect, rig: rigRef });
export type SetupRigRequest = z.infer<typeof setupRigRequest>;

/**
 * `POST /git/branch`. Create: already at or beyond `from` is success. Delete: only while at `expected_head`. Forget:
 * saved work, whatever stands there; `branch` is its full ref, and nothing but the names of saved work is taken.
 */
export const branchRequest = z.strictObject({
  ...effect,
  rig: rigRef,
  operation: z.enum(["create", "delete", "forget"]),
  branch: branchName,
  /** Create: the ref or commit it begins at. */
  from: z.string().nullable(),
  /** Delete: the head that was recorded. */
  expected_head: sha.nullable(),
});
export type BranchRequest = z.infer<typeof branchRequest>;

/** `POST /gates/run` on one head. Result `run_gates`. */
export const gatesRequest = z.strictObject({
  ...effect,
  rig: rigRef,
  head_sha: sha,
  gates: z.array(gateSpec),
  ...variables,
  setup: z.array(setupSpec),
});
export type GatesRequest = z.infer<typeof gatesRequest>;

/**
 * `POST /agents/ask`: one question to a model, put to an agent that has no tools, no repository and no
 * permission. Result `answered`.
 */
export const askRequest = z.strictObject({
  ...effect,
  runtime: text(1, 60),
  /** Null: the runtime's own choice. */
  model: z.string().nullable(),
  ...variables,
  process_idle_minutes: z.int().min(1),
  prompt: text(1, 100_000),
});
export type AskRequest = z.infer<typeof askRequest>;

/** `POST /git/merge` (spec/review.md §3). Result `merge`. */
export const mergeRequest = z.strictObject({
  ...effect,
  rig: rigRef,
  branch: branchName,
  reviewed_sha: sha,
  target: branchName,
  method: mergeMethod.exclude(["auto"]),
  message: z.strictObject({ subject: text(1, 300), body: z.string().max(20_000) }),
  author: gitIdentity,
  gates: z.array(gateSpec),
  ...variables,
  setup: z.array(setupSpec),
});
export type MergeRequestBody = z.infer<typeof mergeRequest>;

/** `POST /refresh-token`: the runner's own credential towards its town. Restarts nothing. */
export const refreshTokenRequest = z.strictObject({ token: text(1, 8_000) });
export type RefreshTokenRequest = z.infer<typeof refreshTokenRequest>;

/**
 * `POST /git/update` (spec/review.md §4.4). Merges the target into the branch, by compare-and-swap from
 * `head_sha`. With `check_head` nothing is made: is that head only `head_sha` with the target merged in?
 * Result `branch_updated`, with `head_moved` for any other head.
 */
export const updateBranchRequest = z.strictObject({
  ...effect,
  rig: rigRef,
  branch: branchName,
  target: branchName,
  head_sha: sha,
  check_head: sha.nullable(),
  author: gitIdentity,
});
export type UpdateBranchRequest = z.infer<typeof updateBranchRequest>;

export const acceptedAnswer = z.strictObject({ accepted: z.literal(true) });

export const healthAnswer = z.object({
  status: z.literal("ok"),
  instance_id: z.string(),
  version: z.string(),
  epoch: z.int(),
  started_at: z.string(),
  draining: z.boolean(),
  sessions: z.int(),
  /** When the mayor that lives here had its tools; absent while none lives or it opens. */
  mayor_ready_at: z.string().optional(),
});
export type HealthAnswer = z.infer<typeof healthAnswer>;

export const drainRequest = z.strictObject({
  reason: z.enum(["sigterm", "host", "request"]),
  /** How long running turns may go on. */
  wait_ms: z.int().min(0).max(300_000),
});
