/**
 * What a host sees of a town: commands, facts, effects, views and the tick (spec/town.md §3, §4).
 * Everything is synchronous and runs in one transaction per call. Nothing here reads a clock, makes
 * a random number or touches a network: those come in through `TownPorts`.
 */
import type {
  AskRequest,
  Agent,
  Bead,
  BeadDetail,
  BeadFilter,
  BranchRequest,
  Convoy,
  ConvoyDetail,
  CountsAnswer,
  CountsBy,
  EffectiveConfig,
  EffectOutcome,
  Escalation,
  FailureReason,
  FeedEntry,
  ForgeKind,
  GatesRequest,
  Mail,
  MailBody,
  MergeRequest,
  MergeRequestBody,
  PrimeContext,
  Rig,
  RigConfig,
  SecretChange,
  Session,
  SessionEnded,
  SessionSaved,
  SettleRequest,
  SettleResult,
  SetupRigRequest,
  SlingBody,
  SlingConvoyBody,
  ToolInput,
  TownConfig,
  TownShape,
  TownStatus,
  TranscriptItem,
  TurnEnded,
  UpdateBranchRequest,
  Why,
  LeftRef,
} from "@gastown/protocol";
import type { TownConvoys } from "./convoys/town-convoys.ts";
import type { TownChanges } from "./beads/town-changes.ts";
import type { TownBulk } from "./beads/bulk.ts";
import type { TownUsage } from "./budgets/town-usage.ts";
import type { TokenClaim, TokenGrounds, TokenIssue } from "./credentials/issue.ts";
import type { StoredSecret } from "./credentials/store.ts";
import type { TownHistory } from "./history/town-history.ts";
import type { Sql } from "./kernel/sql.ts";
import type { TurnToGive } from "./mayor/give.ts";
import type { TownMayor } from "./mayor/town-mayor.ts";
import type { ForgeAnswer, ForgeRequest } from "./reviews/forge-effects.ts";
import type { TownMerges } from "./reviews/town-merges.ts";
import type { TownMail } from "./mail/town-mail.ts";
import type { TownMolecules } from "./molecules/town-molecules.ts";
import type { TownRunner } from "./runner/town-runner.ts";
import type { TriageResult } from "./triage/resolve.ts";
import type { NotifyRequest } from "./notify/request.ts";
import type { AskedRef } from "./rigs/forget-branches.ts";
import type { TownDeadLetters } from "./outbox/dead-letters.ts";
import type { TownNeedsYou } from "./needs-you/town-needs-you.ts";
import type { TownNotify } from "./notify/town-notify.ts";
import type { TownNudges } from "./nudges/town-nudges.ts";
import type { DoneRequest, SessionClaims, SessionContext, SettleState } from "./sessions/tool-types.ts";
import type { ChangeState, LaunchPlan, ModelChoice, SessionLaunchPlan } from "./sessions/launch-types.ts";

export interface TownPorts {
  sql: Sql;
  /** Wall clock in epoch milliseconds. It may jump; the town's own time never runs backwards. */
  now: () => number;
  /** 16 random bytes for each id (spec/api.md §1.1). */
  random: () => Uint8Array;
  /** The runtime that is used where no setting names one. */
  fallbackRuntime: string;
}

/** Who asks. It is taken from the credential, never from a body. */
export interface Actor {
  kind: "person" | "agent" | "town" | "runner";
  id: string;
  name: string;
}

/** What must be known of a town that does not exist yet. */
export interface NewTown {
  id: string;
  name: string;
}

export interface TickResult {
  /** Inbox rows applied and controllers run. */
  applied: number;
  ran: number;
  /** Effects that may be claimed now. */
  effectsDue: number;
  /** When the next tick is wanted (epoch ms); null: nothing is scheduled, the town is asleep. */
  nextWakeAt: number | null;
}

export type * from "./sessions/launch-types.ts";
export type * from "./sessions/tool-types.ts";

/** What an executor has to do, complete with everything but credentials. */
export type EffectRequest =
  | { kind: "start_session"; plan: LaunchPlan }
  | { kind: "stop_session"; sessionId: string; epoch: number; mode: "graceful" | "now" }
  /** Does the runner still have it? `done`: it does; refused: it does not. */
  | { kind: "check_session"; sessionId: string; epoch: number }
  | ({
      kind: "message_session";
      sessionId: string;
      epoch: number;
      messageId: string;
    } & TurnToGive)
  | { kind: "interrupt_session"; sessionId: string; epoch: number }
  | { kind: "poke_session"; sessionId: string; epoch: number }
  | {
      kind: "sync_config";
      configVersion: number;
      sessions: readonly { sessionId: string; epoch: number; launch: SessionLaunchPlan }[];
    }
  | { kind: "change_model"; sessionId: string; epoch: number; model: string; smallModel: string | null }
  | { kind: "settle_session"; sessionId: string; body: SettleRequest }
  | { kind: "setup_rig"; body: SetupRigRequest }
  | { kind: "branch"; body: BranchRequest }
  | { kind: "run_gates"; body: GatesRequest }
  | { kind: "merge"; body: MergeRequestBody }
  | { kind: "withdraw_merge"; effectId: string }
  | { kind: "update_branch"; body: UpdateBranchRequest }
  | { kind: "ask_model"; body: AskRequest }
  | ForgeRequest
  | NotifyRequest
  | { kind: "ensure_runner" }
  | { kind: "stop_runner" };

export interface ClaimedEffect {
  id: string;
  attempt: number;
  /** Epoch ms by which the call must have been answered. */
  deadline: number;
  request: EffectRequest;
}

/** How a try ended. `accepted`: the result comes by callback (`effect_settled`, `session_settled`). */
export type EffectAnswer =
  | { type: "accepted"; headSha?: string }
  /** `result`: what it came to, where somebody wants to know. */
  | { type: "done"; result?: string }
  | { type: "outcome"; outcome: EffectOutcome }
  | { type: "forge"; answer: ForgeAnswer }
  /** Not now: tried again with backoff. `counted: false` where no runner or network was there. */
  | { type: "retry"; message: string; retryAfterMs?: number; counted: boolean }
  /** The host has no room for this town's runner now; it says when it has. Counts nowhere. */
  | { type: "no_room"; message: string }
  /** Never: the effect is dead, and that is its failure to whoever waits for it. */
  | { type: "refused"; reason: FailureReason };

/** A fact that arrived from outside. Stored at once, applied by the next tick, in order. */
export type Fact =
  | { type: "effect_answered"; effectId: string; attempt: number; answer: EffectAnswer }
  | { type: "effect_settled"; effectId: string; runnerEpoch: number; attempt: number; outcome: EffectOutcome }
  | {
      type: "session_status";
      sessionId: string;
      epoch: number;
      phase: string;
      text?: string | undefined;
      conversationId?: string | undefined;
    }
  | { type: "session_settled"; sessionId: string; result: SettleResult }
  | { type: "session_ended"; sessionId: string; ended: SessionEnded }
  | { type: "session_saved"; sessionId: string; saved: SessionSaved }
  | { type: "turn_ended"; sessionId: string; turn: TurnEnded }
  | { type: "runner_draining"; epoch: number }
  | { type: "runner_drained"; epoch: number }
  | { type: "runner_lost"; epoch: number; reason: string }
  /** The host has room for this town's runner now. */
  | { type: "runner_room" };

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}
export interface PageQuery {
  limit?: number;
  cursor?: string;
}

/** Without `state`: those that are not over. */
export interface MergeFilter {
  state?: string | undefined;
  rigId?: string | undefined;
  convoyId?: string | undefined;
  adopted?: boolean | undefined;
}

/** What an idempotent call answered (spec/api.md §1.5). */
export interface StoredAnswer {
  status: number;
  body: string;
}

export interface Town
  extends
    TownMayor,
    TownNudges,
    TownNotify,
    TownNeedsYou,
    TownDeadLetters,
    TownUsage,
    TownMail,
    TownChanges,
    TownConvoys,
    TownBulk,
    TownMolecules,
    TownMerges,
    TownRunner,
    TownHistory {
  readonly id: string;

  // --- the loop ---------------------------------------------------------------------------------
  /** Applies the inbox, runs what is due, says when to come back. Never throws for one bad row. */
  tick(): TickResult;
  /** The earliest time at which something is due, without running anything. */
  nextWakeAt(): number | null;
  post(fact: Fact): void;
  /** The host (process or object) began: what was in flight is taken up again (spec/town.md §4). */
  hostStarted(): void;
  /** Marks due effects as running and returns them with their requests. Flush to disk before use. */
  claimEffects(limit?: number): ClaimedEffect[];

  // --- rigs and settings ------------------------------------------------------------------------
  town(): TownShape;
  /** `forge`: where the address alone does not say what hosting it is. */
  addRig(
    input: {
      name: string;
      gitUrl: string;
      defaultBranch?: string | undefined;
      forge?: ForgeKind | undefined;
    },
    actor: Actor,
    secrets?: readonly SecretChange[],
  ): Rig;
  rigs(): Rig[];
  /** By id, id ending or name. Throws `not_found`. */
  rig(ref: string): Rig;
  /** What the town made on its remote goes. Throws `has_live_work`, `not_found`. */
  forgetBranches(ref: string, actor: Actor): AskedRef[];
  /** What has become of them by now. */
  askedRefs(asked: readonly AskedRef[]): LeftRef[];
  removeRig(ref: string, options: { force: boolean }, actor: Actor): void;
  verifyRig(ref: string, actor: Actor): Rig;
  config(): { version: number; config: TownConfig; effective: EffectiveConfig };
  rigConfig(ref: string): { version: number; config: RigConfig; effective: EffectiveConfig };
  /** Replaces the stored config by an already merged and parsed one. */
  setConfig(config: TownConfig, actor: Actor, secrets?: readonly SecretChange[]): void;
  setRigConfig(ref: string, config: RigConfig, actor: Actor, secrets?: readonly SecretChange[]): void;
  /** A rig's sealed credentials, or the town's where `ref` is null. */
  secrets(ref: string | null): StoredSecret[];
  /** What a forge's token is resolved from. Throws `session_fenced`, `scope_mismatch`, `not_found`. */
  tokenGrounds(claim: TokenClaim): TokenGrounds;
  /** Records that a token was given, or that none could be. Throws like `tokenGrounds`. */
  tokenIssued(issue: TokenIssue): void;
  pause(reason: string, actor: Actor): void;
  resume(actor: Actor): void;

  // --- beads and convoys ------------------------------------------------------------------------
  sling(rigRef: string, body: SlingBody, options: { held: boolean }, actor: Actor): Bead;
  beads(filter: BeadFilter, page: PageQuery): Page<Bead>;
  beadCounts(filter: BeadFilter, by: CountsBy): CountsAnswer;
  /** By id or unambiguous ending; convoys and escalations are beads too. */
  bead(ref: string): BeadDetail;
  /** What it waits for, down to what decides, and what a person can do. */
  why(ref: string): Why;
  holdBead(ref: string, actor: Actor): Bead;
  startBead(ref: string, actor: Actor): Bead;
  closeBead(
    ref: string,
    reason: "cancelled" | "duplicate" | "done_elsewhere" | "waived",
    note: string,
    actor: Actor,
  ): Bead;
  failBead(ref: string, note: string, actor: Actor): Bead;
  retryBead(ref: string, options: { fresh: boolean; note: string }, actor: Actor): Bead;
  slingConvoy(body: SlingConvoyBody, actor: Actor): ConvoyDetail;
  convoys(filter: { state?: string | undefined; rigId?: string | undefined }): Convoy[];
  convoy(ref: string): ConvoyDetail;
  startConvoy(ref: string, actor: Actor): ConvoyDetail;
  waiveMember(convoyRef: string, beadRef: string, note: string, actor: Actor): ConvoyDetail;
  retryConvoy(ref: string, actor: Actor): ConvoyDetail;
  closeConvoy(ref: string, note: string, actor: Actor): ConvoyDetail;
  merges(filter: MergeFilter): MergeRequest[];
  merge(ref: string): MergeRequest;
  retryMerge(ref: string, actor: Actor): MergeRequest;

  // --- agents, sessions, mayor, escalations -------------------------------------------------------
  agents(): Agent[];
  sessions(filter: { live?: boolean; beadId?: string; agentId?: string }): Session[];
  session(ref: string): Session;
  stopSession(ref: string, mode: "graceful" | "now", note: string, actor: Actor): Session;
  /** Ends the turn that runs in it, if one does; the session goes on. */
  interruptSession(ref: string, actor: Actor): Session;
  /** Another model for this session alone; `changeState` says what becomes of it. */
  changeModel(ref: string, models: ModelChoice, actor: Actor): { changeId: string };
  changeState(changeId: string): ChangeState;
  transcript(sessionRef: string, after: number, limit: number): TranscriptItem[];
  escalations(filter: { open?: boolean | undefined }): Escalation[];
  escalation(ref: string): Escalation;
  acknowledgeEscalation(ref: string, actor: Actor): Escalation;
  resolveEscalation(
    ref: string,
    input: { choice?: string | undefined; answer?: string | undefined },
    actor: Actor,
  ): Escalation;

  // --- what agents do by their tools (spec/api.md §4) ---------------------------------------------
  /** Throws `session_fenced` unless live; with `allowEnded` an ended one is returned as not live. */
  authorizeSession(claims: SessionClaims, options?: { allowEnded?: boolean }): SessionContext;
  /** Mail that it shows is claimed for the session. */
  prime(sessionId: string): PrimeContext;
  checkMail(sessionId: string): Mail[];
  sendMailAs(sessionId: string, mail: MailBody): Mail[];
  toolsListed(sessionId: string): void;
  hasListedTools(sessionId: string): boolean;
  /** Every tool call: renews the session's activity. */
  toolCalled(sessionId: string, tool: string, errorCode: string | null): void;
  setStatusText(sessionId: string, text: string): void;
  checkpoint(sessionId: string, data: unknown): void;
  escalate(sessionId: string, input: ToolInput<"gt_escalate">): Escalation;
  requestDone(sessionId: string, input: ToolInput<"gt_done">): DoneRequest;
  settleState(sessionId: string, settleId: string): SettleState;
  /** Throws `action_not_offered`, `not_found`, `outcome_recorded`. An outdated snapshot changes nothing. */
  resolveTriage(sessionId: string, input: ToolInput<"gt_triage_resolve">): TriageResult;
  /** Throws `head_moved`, `outcome_recorded`. Returns the rework bead where one was made. */
  giveVerdict(
    sessionId: string,
    verdict:
      | { kind: "approve"; summary: string }
      | {
          kind: "request_changes";
          feedback: string;
          files: NonNullable<ToolInput<"gt_request_changes">["files"]>;
        },
  ): { headSha: string; reworkBeadId: string | null; repeated: boolean };

  /** Counts every change of settings, of the town or of a rig. */
  configVersion(): number;

  // --- feed, status, idempotency ------------------------------------------------------------------
  newestSeq(): number;
  feed(query: {
    after?: number;
    before?: number;
    limit: number;
    kind?: string;
    beadId?: string;
    convoyId?: string;
  }): FeedEntry[];
  status(): TownStatus;
  /**
   * Runs `fn` once per (principal, key): a repeat of the same request returns the stored answer,
   * another request with that key throws `idempotency_key_reused`. One transaction.
   */
  idempotent(
    request: { principal: string; key: string; fingerprint: string },
    fn: () => StoredAnswer,
  ): StoredAnswer & { replayed: boolean };
  /** The invariants of spec/town.md §8 that hold on stored state; empty when all hold. */
  checkInvariants(): { id: number; title: string; subjects: string[] }[];
  /** What is alive and would never be looked at again; with `apply` it is made due (doctor --fix). */
  repair(apply: boolean): { kind: string; id: string }[];
}
