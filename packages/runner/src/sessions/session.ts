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
 * Whatever ends it goes through `#finish`: cancel, wait until the turn is over for certain, save
 * its work, report, and only then is the directory free.
 */
import { GastownError } from "@gastown/protocol";
import type {
  FailureReason,
  HeartbeatSession,
  MessageRequest,
  SessionEnded,
  SettleRequest,
  StartAnswer,
  StartPhase,
  StartRequest,
} from "@gastown/protocol";
import type { Death } from "../agents/agent-process.ts";
import type { Lease } from "../agents/pool.ts";
import { reapDirectory } from "../processes/reap.ts";
import { continued, firstPrompt } from "./first-prompt.ts";
import type { SessionDeps, Verdict } from "./deps.ts";
import type { Directories } from "./directories.ts";
import { openSession } from "./open-session.ts";
import type { Opened } from "./open-session.ts";
import { reasonOf } from "./refusal.ts";
import { saveAll } from "./save-work.ts";
import { Settles } from "./settles.ts";
import { Transcript } from "./transcript.ts";
import { turnFailure } from "./turn-failure.ts";
import { Turns } from "./turns.ts";
import type { TurnEnd } from "./turns.ts";
import { UsageMeter } from "./usage-meter.ts";
import { within } from "./wait.ts";

type State = StartAnswer["state"];
type Outcome = SessionEnded["outcome"];

interface Ending {
  readonly outcome: Outcome;
  readonly reason: FailureReason;
}

/** Time for a turn whose outcome the town has already: the agent reads "you are finished". */
const OUTCOME_GRACE_MS = 5_000;
const FENCED_GRACE_MS = 2_000;
const SETTLE_LIMIT_MS = 30_000;
const DEATH_NOTICE_MS = 1_000;

export class Session {
  readonly request: StartRequest;
  /** Resolves when its work is saved and its directory is free. */
  readonly gone: Promise<void>;
  readonly #deps: SessionDeps;
  readonly #transcript: Transcript;
  readonly #settles: Settles;
  readonly #turns: Turns;
  readonly #abort = new AbortController();
  readonly #seen = new Set<string>();
  #usage: UsageMeter;
  #state: State = "queued";
  #lease: Lease | null = null;
  #directories: Directories | null = null;
  #opened: Opened | null = null;
  #opening: Promise<void> = Promise.resolve();
  #prompted = false;
  #systemOwed = false;
  #newToken: string | null = null;
  #ending: Ending | null = null;
  #stopAfterTurn: Ending | null = null;
  #asked = false;
  #asking = false;
  #idle: NodeJS.Timeout | null = null;
  #leave: () => void = () => undefined;

  constructor(request: StartRequest, deps: SessionDeps) {
    this.request = request;
    this.#deps = deps;
    this.gone = new Promise((done) => {
      this.#leave = done;
    });
    this.#transcript = new Transcript((items) => deps.sender.items(request.session_id, request.epoch, items));
    const before = deps.slots.read(request.agent.id);
    const goesOn = request.resume_from !== null && before?.conversation_id === request.resume_from;
    this.#usage = new UsageMeter(goesOn ? before.cost_total : 0);
    this.#settles = new Settles(request, deps, () => this.#onSettled());
    this.#turns = new Turns({
      transcript: this.#transcript,
      usage: this.#usage,
      permission: request.settings.permission,
      quietMs: deps.timing.quietMs,
      cancelMs: deps.timing.cancelMs,
      onEnd: (end) => void this.#onTurnEnd(end),
    });
  }

  get id(): string {
    return this.request.session_id;
  }

  get epoch(): number {
    return this.request.epoch;
  }

  /** Resolves when its start is over, whatever came of it. */
  get opened(): Promise<void> {
    return this.#opening;
  }

  get isGone(): boolean {
    return this.#state === "gone";
  }

  get isMayor(): boolean {
    return this.request.role === "mayor";
  }

  /** Whether a turn or a settle is under way: what a drain waits for. */
  get isBusy(): boolean {
    return this.#ending === null && (this.#turns.isRunning || this.#settles.running);
  }

  get stderrTail(): string {
    return this.#lease?.process.stderrTail() ?? "";
  }

  /** What a heartbeat says of it. */
  get view(): HeartbeatSession {
    return {
      session_id: this.id,
      epoch: this.epoch,
      state: this.#state,
      last_event_at: this.#turns.lastEventAt,
      active_tools: this.#turns.activeTools,
      prompted: this.#prompted,
      usage: this.#usage.usage,
    };
  }

  /** Begins once `after` has settled: the directory's earlier session must be gone. */
  begin(after: Promise<unknown>): void {
    this.#deps.outbox.adopt(this.id, this.epoch);
    this.#opening = this.#open(after).catch((thrown: unknown) => this.#refuse(thrown));
  }

  /** Commit, push, read back; the result goes to the town. The same `settle_id` attaches. */
  settle(request: SettleRequest): void {
    this.#mustBeLive(request.epoch);
    this.#settles.begin(request);
    this.#show();
  }

  /** A turn, or behind the running one. A repeated `message_id` changes nothing. */
  message(request: MessageRequest): void {
    this.#mustBeLive(request.epoch);
    if (this.#seen.has(request.message_id)) return;
    this.#seen.add(request.message_id);
    const now = request.mode === "now";
    this.#turns.add({ text: request.text, source: "message", messageId: request.message_id }, now);
    if (now) this.#turns.cancel();
    this.proceed();
  }

  /** Idempotent; `now` after `graceful` hurries it up. */
  stop(mode: "graceful" | "now", reason: FailureReason, outcome: Outcome = "stopped"): void {
    if (mode === "graceful" && this.isBusy) this.#stopAfterTurn ??= { outcome, reason };
    else this.#finish(outcome, reason, 0);
  }

  /** A newer session wants this directory (spec/runner.md §1). */
  supersede(by: string): void {
    const grace = this.#settles.settled ? OUTCOME_GRACE_MS : 0;
    this.#finish(
      "stopped",
      { code: "superseded", message: `Session ${by} took over this directory.` },
      grace,
    );
  }

  /** The town's word on this session (spec/api.md §3.16). */
  onVerdict(verdict: Verdict, token: string | undefined): void {
    if (token !== undefined) {
      this.#deps.redactor.add(token);
      this.#newToken = token;
    }
    if (verdict === "ok" || this.#ending !== null) return;
    const grace = this.#settles.settled ? OUTCOME_GRACE_MS : verdict === "stop" ? 0 : FENCED_GRACE_MS;
    this.#finish(
      "stopped",
      { code: verdict, message: `The town answered "${verdict}" for this session.` },
      grace,
    );
  }

  /** Begins the next turn where that is allowed; called whenever something may have changed. */
  proceed(): void {
    if (this.#ending !== null || this.#opened === null || this.#turns.isRunning) return;
    if (!this.#deps.pulse.mayBeginTurns) return;
    if (this.#turns.next()) {
      this.#stopIdle();
      this.#show();
      if (this.#prompted) return;
      this.#prompted = true;
      this.#phase("first_turn");
      // The town counts the session as running from the first heartbeat that shows the prompt.
      void this.#deps.pulse.now();
    }
  }

  async #open(after: Promise<unknown>): Promise<void> {
    const { request, id } = this;
    const { role, agent, runtime, model, bead } = request;
    await after;
    if (this.#ending !== null) return;
    const previous = this.#deps.slots.read(agent.id);
    this.#state = "provisioning";
    this.#transcript.started({
      session: id,
      agent: agent.id,
      role,
      bead: bead?.id ?? null,
      model,
      runtime,
      resumed: request.resume,
    });
    const opened = await openSession({
      request,
      deps: this.#deps,
      previous,
      signal: this.#abort.signal,
      handlers: {
        update: (update) => this.#turns.update(update),
        permission: (asked) => this.#turns.permission(asked),
      },
      phase: (phase) => this.#phase(phase),
      notice: (text) => this.#transcript.notice("warning", text),
      onLease: (lease) => {
        this.#lease = lease;
      },
      onDirectories: (directories) => {
        this.#directories = directories;
        this.#record(false, null);
        this.#settles.ready(directories);
        this.#state = "opening";
      },
    });
    void opened.lease.process.dead.then((death) => this.#onDeath(death));
    this.#ready(opened);
  }

  #ready(opened: Opened): void {
    if (this.#ending !== null) return;
    this.#opened = opened;
    this.#record(false, opened.conversationId);
    this.#systemOwed = opened.systemInPrompt;
    this.#turns.useAgent({
      prompt: (text) => this.#promptAgent(opened, text),
      cancel: () => opened.agent.cancel(opened.conversationId),
      kill: () => opened.lease.process.kill(),
    });
    const { prompt } = this.request;
    if (prompt === null) {
      this.#prompted = true;
      void this.#deps.pulse.now();
    } else {
      const text =
        opened.loaded && this.request.resume ? continued : firstPrompt(prompt, this.request.resume);
      this.#turns.add({ text, source: "start", messageId: null }, true);
    }
    this.#rest();
  }

  async #promptAgent({ agent, conversationId, cwd }: Opened, text: string): ReturnType<typeof agent.prompt> {
    const token = this.#newToken;
    if (token !== null && (agent.capabilities.load || agent.capabilities.resume)) {
      await agent.reopen(conversationId, cwd, { ...this.request.mcp, token });
      this.#newToken = null;
    }
    const whole = this.#systemOwed ? `${this.request.system}\n\n${text}` : text;
    this.#systemOwed = false;
    return agent.prompt(conversationId, whole);
  }

  async #onTurnEnd(end: TurnEnd): Promise<void> {
    this.#show();
    if (this.isMayor) this.#reportTurn(end);
    this.#record(false, this.#opened?.conversationId ?? null);
    // A dying agent first breaks its connection: its death says more than that error does.
    if (end.error !== null && this.#lease !== null) await within(this.#lease.process.dead, DEATH_NOTICE_MS);
    if (this.#ending !== null) return;
    const failure = turnFailure(end, this.#opened?.runtime);
    if (failure !== null) this.#transcript.notice("error", failure.message);
    if (failure !== null && !this.isMayor)
      return this.#finish("failed", { ...failure, ...this.#withStderr() }, 0);
    return this.#rest();
  }

  #reportTurn({ prompt, reply, stalled }: TurnEnd): void {
    this.#deps.sender.session(this.id, "turn", {
      epoch: this.epoch,
      ended_at: Date.now(),
      stop_reason: stalled ? "stalled" : (reply?.stopReason ?? "error"),
      message_id: prompt.messageId,
    });
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
    if (this.#stopAfterTurn !== null)
      return this.#finish(this.#stopAfterTurn.outcome, this.#stopAfterTurn.reason, 0);
    if (this.#settles.settled)
      return this.#finish("completed", { code: "settled", message: "Its work was handed over." }, 0);
    this.proceed();
    if (this.#turns.isRunning || this.isMayor) return;
    this.#startIdle();
    if (this.#turns.taken > 0) void this.#askToFinish();
  }

  /**
   * Asks once to finish or to say what blocks it, but only when the town, asked after the turn,
   * still counts the session as live: a verdict or an outcome of this turn may have ended it.
   */
  async #askToFinish(): Promise<void> {
    if (this.#asked || this.#asking) return;
    this.#asking = true;
    const verdict = await this.#deps.pulse.freshVerdict(this.id, this.#abort.signal);
    this.#asking = false;
    if (verdict !== "ok" || this.#state !== "idle" || this.#turns.waiting > 0 || this.#ending !== null)
      return;
    this.#asked = true;
    const how = this.request.role === "refinery" ? "gt_approve or gt_request_changes" : "gt_done";
    const text = `Your turn ended, but this is not finished. Finish it and call ${how}, or say with gt_escalate what blocks you.`;
    this.#turns.add({ text, source: "continue", messageId: null });
    this.proceed();
  }

  #startIdle(): void {
    this.#stopIdle();
    const wait = this.request.settings.turn_idle_minutes * this.#deps.timing.minuteMs;
    this.#idle = setTimeout(() => {
      this.#finish(
        "completed",
        { code: "idle", message: "The agent ended its turn and did not finish its work." },
        0,
      );
    }, wait);
    this.#idle.unref();
  }

  #stopIdle(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
  }

  #onDeath(death: Death): void {
    const settled = this.#settles.settled;
    const outcome = settled ? "completed" : death.cause === "exit" ? "failed" : "evicted";
    const code = death.cause === "exit" ? "agent_exited" : "agent_killed";
    this.#finish(outcome, { code, message: death.message, ...this.#withStderr() }, 0);
  }

  #refuse(thrown: unknown): void {
    if (this.#ending !== null) return;
    const phase = this.#state === "provisioning" ? "repository" : "handshake";
    const reason = reasonOf(thrown, phase, this.stderrTail);
    this.#finish(reason.code === "agent_killed" ? "evicted" : "refused", reason, 0);
  }

  #withStderr(): Pick<FailureReason, "stderr_tail"> {
    const tail = this.stderrTail;
    return tail === "" ? {} : { stderr_tail: tail.slice(-16_000) };
  }

  #finish(outcome: Outcome, reason: FailureReason, graceMs: number): void {
    if (this.#ending !== null) return;
    this.#ending = { outcome, reason };
    this.#abort.abort(new Error(`The session ends: ${reason.message}`));
    void this.#close(this.#ending, graceMs);
  }

  async #close(ending: Ending, graceMs: number): Promise<void> {
    this.#stopIdle();
    this.#turns.clear();
    // Also while queued: the directory is not free before the earlier session is gone.
    await this.#opening;
    await this.#turns.end(graceMs);
    await this.#settles.end(this.#directories === null ? 0 : SETTLE_LIMIT_MS);
    const saved = await this.#save();
    const problem = saved.problem === null ? "" : ` Its work is not on the remote: ${saved.problem}`;
    const reason = { ...ending.reason, message: (ending.reason.message + problem).slice(0, 4_000) };
    this.#transcript.ended(ending.outcome, reason.message, saved.workRef);
    const body: SessionEnded = {
      epoch: this.epoch,
      outcome: ending.outcome,
      reason,
      work_ref: saved.workRef,
      usage: this.#usage.usage,
    };
    this.#deps.sender.ended(this.id, body);
    if (this.#opened !== null) this.#opened.agent.close(this.#opened.conversationId).catch(() => undefined);
    this.#lease?.release();
    this.#state = "gone";
    this.#deps.options.log("session.gone", {
      session_id: this.id,
      outcome: ending.outcome,
      code: reason.code,
    });
    this.#leave();
  }

  async #save(): Promise<{ workRef: string | null; problem: string | null }> {
    const directories = this.#directories;
    if (directories === null) return { workRef: null, problem: null };
    const process = this.#lease?.process;
    for (const dir of [directories.cwd, ...directories.worktrees.map((worktree) => worktree.dir)]) {
      if (process !== undefined) reapDirectory(process.marker, dir, process.pid);
    }
    const { worktrees } = directories;
    const saved = await saveAll(
      this.#deps.git,
      { sessionId: this.id, author: this.request.author, worktrees },
      this.#deps.options.log,
    );
    this.#record(saved.problem === null || saved.workRef !== null, this.#opened?.conversationId ?? null);
    return saved;
  }

  #record(saved: boolean, conversationId: string | null): void {
    if (this.#directories === null) return;
    const { agent, role, author, resume_from } = this.request;
    this.#deps.slots.write({
      agent_id: agent.id,
      session_id: this.id,
      epoch: this.epoch,
      role,
      author,
      worktrees: [...this.#directories.worktrees],
      conversation_id: conversationId ?? resume_from,
      cost_total: this.#usage.total,
      saved,
    });
  }

  #phase(phase: StartPhase): void {
    this.#deps.sender.session(this.id, "status", { epoch: this.epoch, phase });
  }

  /** Busy, idle and settling follow from what is under way; the earlier states are set by the start. */
  #show(): void {
    if (this.#opened === null || this.#state === "gone") return;
    this.#state = this.#settles.running ? "settling" : this.#turns.isRunning ? "busy" : "idle";
  }

  /** @throws GastownError `session_fenced` when a request means another epoch of this session. */
  mustHaveEpoch(epoch: number): void {
    if (epoch === this.epoch) return;
    throw new GastownError(
      "session_fenced",
      `Session ${this.id} is here with epoch ${this.epoch}, not ${epoch}.`,
    );
  }

  #mustBeLive(epoch: number): void {
    this.mustHaveEpoch(epoch);
    if (this.#ending !== null) throw new GastownError("not_found", `Session ${this.id} has ended.`);
  }
}
