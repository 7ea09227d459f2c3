/**
 * One session: `queued → provisioning → opening → busy ⇄ idle → settling → gone`
 * (spec/runner.md §4).
 *
 * | state | holds while | left by |
 * |---|---|---|
 * | queued | an older session of the same directory is not gone | its end |
 * | provisioning | git prepares the directory | the worktree |
 * | opening | process, handshake, tools | ready, or `refused` |
 * | busy | a prompt is outstanding | its reply, a cancel, the process's death |
 * | idle | nothing to say | a message; the idle time of polecat and refinery |
 * | settling | git commits, pushes and reads back | its result; the turn goes on beside it |
 * | gone | – | – |
 *
 * Whatever ends it goes through `#finish`: the turn is over for certain, its work saved and reported,
 * and only then is the directory free.
 */
import { GastownError } from "@gastown/protocol";
import type {
  EffectOutcome,
  FailureReason,
  HeartbeatSession,
  MessageRequest,
  ModelAnswer,
  ModelRequest,
  SessionChange,
  SessionLaunch,
  SettleRequest,
  StartAnswer,
  StartRequest,
} from "@gastown/protocol";
import type { Death } from "../agents/agent-process.ts";
import { openingPrompt } from "./prompts.ts";
import type { Conversation } from "./conversation.ts";
import type { SessionDeps, Verdict } from "./deps.ts";
import * as endings from "./endings.ts";
import { DEATH_NOTICE_MS, FENCED_GRACE_MS, OUTCOME_GRACE_MS, SETTLE_LIMIT_MS } from "./graces.ts";
import type { Ending } from "./leaving.ts";
import type { ModelAccess } from "./model-access.ts";
import type { Nudges } from "./nudges.ts";
import { chooseModel } from "./choose-model.ts";
import type { PermissionAsks } from "./permission-asks.ts";
import type { Place } from "./place.ts";
import type { RecentItems, ItemsPage } from "./recent-items.ts";
import type { Reminder } from "./reminder.ts";
import type { Settles } from "./settles.ts";
import type { Transcript } from "./transcript.ts";
import { fencedHere, StartRefusal } from "./refusal.ts";
import { cancelledReport, turnFailure, turnReport } from "./turn-outcome.ts";
import { sessionParts } from "./session-parts.ts";
import type { Prompt, TurnEnd, Turns } from "./turns.ts";
import type { UsageMeter } from "./usage-meter.ts";
import { within } from "../wait.ts";

type State = StartAnswer["state"];

export class Session {
  /** Its launch settings change with the town's; everything that reads them reads them here. */
  readonly request: StartRequest;
  /** Resolves when its work is saved and its directory is free. */
  readonly gone: Promise<void>;
  readonly #left = Promise.withResolvers<void>();
  readonly #deps: SessionDeps;
  readonly #transcript: Transcript;
  readonly #settles: Settles;
  readonly #turns: Turns;
  readonly #nudges: Nudges;
  readonly #place: Place;
  readonly #abort = new AbortController();
  readonly #seen = new Set<string>();
  readonly #recent: RecentItems;
  readonly #reminder: Reminder;
  readonly #model: ModelAccess;
  /** What its agent has asked a person. */
  readonly asks: PermissionAsks;
  readonly #usage: UsageMeter;
  #state: State = "queued";
  #opening: Promise<void> = Promise.resolve();
  #prompted = false;
  #ending: Ending | null = null;
  #stopAfterTurn: Ending | null = null;

  constructor(request: StartRequest, deps: SessionDeps) {
    this.request = { ...request };
    this.#deps = deps;
    this.gone = this.#left.promise;
    const parts = sessionParts(this.request, deps, {
      signal: this.#abort.signal,
      isEnding: () => this.#ending !== null,
      isAtRest: () => this.#state === "idle" && this.#ending === null,
      isBusy: () => this.isBusy,
      opens: () => {
        this.#state = "opening";
      },
      proceed: () => this.proceed(),
      say: (prompt) => this.#say(prompt),
      turnEnded: (end) => void this.#onTurnEnd(end),
      settled: () => this.#onSettled(),
      died: (death) => this.#onDeath(death),
      finish: (ending) => this.#finish(ending),
    });
    this.#transcript = parts.transcript;
    this.#recent = parts.recent;
    this.#usage = parts.usage;
    this.#settles = parts.settles;
    this.#turns = parts.turns;
    this.#nudges = parts.nudges;
    this.#place = parts.place;
    this.#reminder = parts.reminder;
    this.#model = parts.model;
    this.asks = parts.asks;
  }

  get id(): string {
    return this.request.session_id;
  }

  get epoch(): number {
    return this.request.epoch;
  }

  get opened(): Promise<void> {
    return this.#opening;
  }

  /** Aborts when it is to end. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get isGone(): boolean {
    return this.#state === "gone";
  }

  get readyAt(): string | null {
    return this.#place.readyAt;
  }

  get isMayor(): boolean {
    return this.request.role === "mayor";
  }

  /** A turn or a settle is under way: what a drain waits for. */
  get isBusy(): boolean {
    return this.#ending === null && (this.#turns.isRunning || this.#settles.running);
  }

  get stderrTail(): string {
    return this.#place.stderrTail;
  }

  get view(): HeartbeatSession {
    const { told } = this.#model;
    const { ids } = this.asks;
    const { logs } = this.#place;
    return {
      session_id: this.id,
      epoch: this.epoch,
      state: this.#state,
      last_event_at: this.#turns.lastEventAt,
      active_tools: this.#turns.activeTools,
      prompted: this.#prompted,
      usage: this.#usage.usage,
      ...(ids.length === 0 ? {} : { permissions: ids }),
      ...(logs.length === 0 ? {} : { logs }),
      ...(told === null ? {} : { waiting_for_model: told }),
    };
  }

  /** Begins once `after` has settled: the directory's earlier session must be gone. */
  begin(after: Promise<unknown>): void {
    this.#deps.outbox.adopt(this.id, this.epoch);
    this.#opening = this.#open(after).catch((thrown: unknown) => this.#refuse(thrown));
  }

  /** Commit, push, read back; the result goes to the town. The same `settle_id` attaches. */
  settle(request: SettleRequest): Promise<string | null> {
    this.#mustBeLive(request.epoch);
    const committed = this.#settles.begin(request);
    this.#show();
    return committed;
  }

  /** What it has now, to its WIP ref; it goes on meanwhile. */
  saveWork(): Promise<EffectOutcome> {
    return this.#place.keeper.saveNow(this.#abort.signal);
  }

  /** What is kept here of its transcript. */
  events(after: number, limit: number): ItemsPage & { live: boolean } {
    return { ...this.#recent.after(after, limit), live: !this.isGone };
  }

  /** A turn, or behind the running one. A repeated `message_id` changes nothing. */
  message(request: MessageRequest): void {
    this.#mustBeLive(request.epoch);
    if (this.#seen.has(request.message_id)) return;
    this.#seen.add(request.message_id);
    const { text, message_id: messageId } = request;
    const now = request.mode === "now";
    this.#turns.add({ text, source: "message", messageId }, now);
    if (now) this.#turns.cancel();
    this.proceed();
  }

  /** Nudges wait in the town, or a person has decided there. */
  poke(epoch: number): void {
    this.#mustBeLive(epoch);
    this.#nudges.tell();
    this.asks.wake();
  }

  interrupt(epoch: number): void {
    this.#mustBeLive(epoch);
    this.#turns.cancel();
    const given = this.#model.giveUp();
    if (given === null) return;
    if (this.isMayor) this.#deps.sender.session(this.id, "turn", cancelledReport(this.epoch, given));
    this.proceed();
  }

  /** Other launch settings, from the next turn on; whatever runs goes on undisturbed. */
  change(launch: Partial<SessionLaunch>): SessionChange {
    Object.assign(this.request, launch);
    const needs = this.#place.conversation?.needs ?? "pending";
    this.proceed();
    return needs;
  }

  chooseModel(request: ModelRequest): Promise<ModelAnswer> {
    this.#mustBeLive(request.epoch);
    return chooseModel(this, this.#place.conversation, request);
  }

  /** Idempotent; `now` after `graceful` hurries it up. */
  stop(mode: "graceful" | "now", reason: FailureReason, outcome: Ending["outcome"] = "stopped"): void {
    if (mode === "graceful" && this.isBusy) this.#stopAfterTurn ??= { outcome, reason };
    else this.#finish({ outcome, reason });
  }

  /** A newer session wants this directory. */
  supersede(by: string): void {
    this.#finish(endings.endedBySuccessor(by), this.#settles.settled ? OUTCOME_GRACE_MS : 0);
  }

  /** The town's word on this session (spec/api.md §3.16). */
  onVerdict(verdict: Verdict, token: string | undefined, nudges = 0): void {
    if (token !== undefined) this.#place.renew(token);
    if (nudges > 0) this.#nudges.tell();
    if (verdict === "ok" || this.#ending !== null) return;
    const grace = verdict === "stop" ? 0 : FENCED_GRACE_MS;
    this.#finish(endings.endedByVerdict(verdict), this.#settles.settled ? OUTCOME_GRACE_MS : grace);
  }

  /** Begins the next turn where that is allowed; called whenever something may have changed. */
  proceed(): void {
    const { conversation, moving } = this.#place;
    if (this.#ending !== null || conversation === null || moving !== null) return;
    if (this.#turns.isRunning || this.#settles.running || !this.#deps.pulse.mayBeginTurns) return;
    if (conversation.needs === "move") return void this.#move(conversation);
    if (!this.#model.mayBegin()) return;
    if (this.#turns.next()) {
      this.#reminder.stop();
      this.#show();
      this.#place.keeper.working();
      if (this.#prompted) return;
      this.#prompted = true;
      this.#deps.sender.status(this.id, { epoch: this.epoch, phase: "first_turn" });
      // The town counts the session as running from the first heartbeat that shows the prompt.
      void this.#deps.pulse.now();
    } else this.#nudges.atRest();
  }

  async #open(after: Promise<unknown>): Promise<void> {
    await after;
    if (this.#ending !== null) return;
    this.#state = "provisioning";
    this.#ready(await this.#place.open());
  }

  #ready(conversation: Conversation): void {
    if (this.#ending !== null) return;
    this.#turns.useAgent(conversation);
    const text = openingPrompt(this.request, conversation.opened.loaded);
    if (text !== null) this.#turns.add({ text, source: "start", messageId: null }, true);
    this.#prompted = text === null;
    if (this.#prompted) void this.#deps.pulse.now();
    this.#rest();
  }

  async #move(conversation: Conversation): Promise<void> {
    this.#state = "opening";
    const failed = (why: unknown) => this.#finish(endings.endedByChange(why, this.stderrTail));
    await this.#place.move(conversation).catch(failed);
    this.#rest();
  }

  async #onTurnEnd(end: TurnEnd): Promise<void> {
    this.#show();
    this.#place.record();
    const { lease } = this.#place;
    if (end.error !== null && lease !== null) await within(lease.process.dead, DEATH_NOTICE_MS);
    if (end.error instanceof StartRefusal) this.#finish(endings.endedByChange(end.error, this.stderrTail));
    // Nobody is told of the end of a turn that is not over.
    const isOver = this.#ending !== null || this.#settles.settled || !this.#model.postpones(end);
    if (!isOver) return this.#rest();
    // What the session's end cut off is not over: the next one is given its message.
    const isCutOff = this.#ending !== null && end.reply?.stopReason !== "end_turn";
    if (this.isMayor && !isCutOff) this.#deps.sender.session(this.id, "turn", turnReport(this.epoch, end));
    if (this.#ending !== null) return;
    const failure = turnFailure(end);
    if (failure !== null) this.#transcript.notice("error", failure.message);
    const harmless = this.isMayor || this.#settles.settled;
    if (failure !== null && !harmless) return this.#finish(endings.endedByFailure(failure, this.stderrTail));
    // Measured beside what comes next: nothing waits for it, and who has to move does so between turns.
    void this.#place.leaveIfLarge();
    this.#rest();
  }

  #onSettled(): void {
    if (this.#ending !== null) return;
    this.#show();
    if (!this.#turns.isRunning) this.#rest();
  }

  /** Between turns: end what is done, go on with what waits, else wait a while. */
  #rest(): void {
    if (this.#ending !== null) return;
    this.#show();
    if (this.#settles.running) return;
    if (this.#settles.settled) return this.#finish(endings.handedOver);
    if (this.#stopAfterTurn !== null) return this.#finish(this.#stopAfterTurn);
    this.proceed();
    // What waits for the town to be heard of again is not an agent with nothing to say.
    if (this.#turns.isRunning || this.#turns.waiting > 0 || this.isMayor) return;
    this.#reminder.atRest(this.#turns.taken > 0);
  }

  #say(prompt: Prompt): void {
    this.#turns.add(prompt);
    this.proceed();
  }

  #onDeath(death: Death): void {
    const how = { own: this.#place.conversation?.killed === true, settled: this.#settles.settled };
    this.#finish(endings.endedByDeath(death, how, this.stderrTail));
  }

  #refuse(thrown: unknown): void {
    if (this.#ending !== null) return;
    const phase = this.#state === "provisioning" ? "repository" : "handshake";
    this.#finish(endings.endedByRefusal(thrown, phase, this.stderrTail));
  }

  /** The first reason stands. `graceMs`: how long the turn may still end by itself. */
  #finish(ending: Ending, graceMs = 0): void {
    if (this.#ending !== null) return;
    this.#ending = ending;
    this.#abort.abort(new Error(`The session ends: ${ending.reason.message}`));
    void this.#close(ending, graceMs);
  }

  async #close(ending: Ending, graceMs: number): Promise<void> {
    this.#reminder.stop();
    this.#model.end();
    this.#turns.clear();
    // Also while queued: the directory is not free before the earlier session is gone.
    await this.#opening;
    await this.#place.moving;
    await this.#turns.end(graceMs);
    await this.#settles.end(this.#place.directories === null ? 0 : SETTLE_LIMIT_MS);
    await this.#place.saveAndReport(ending).catch((thrown: unknown) => {
      // A full disk, say. The slot's record still says "unsaved", so the next start saves first.
      this.#deps.options.log("session.leave_failed", { session_id: this.id, message: String(thrown) });
    });
    this.#place.leave();
    this.#state = "gone";
    this.#left.resolve();
  }

  /** Busy, idle and settling follow from what is under way; the earlier states are set by the start. */
  #show(): void {
    if (this.#place.conversation === null || this.#place.moving !== null || this.#state === "gone") return;
    this.#state = this.#settles.running ? "settling" : this.#turns.isRunning ? "busy" : "idle";
  }

  /** @throws GastownError `session_fenced` when a request means another epoch of this session. */
  mustHaveEpoch(epoch: number): void {
    if (epoch !== this.epoch) throw fencedHere(this.request, epoch);
  }

  #mustBeLive(epoch: number): void {
    this.mustHaveEpoch(epoch);
    if (this.#ending !== null) throw new GastownError("not_found", `Session ${this.id} has ended.`);
  }
}
