/**
 * One runner instance (spec/runner.md): it registers, resumes what should live, starts and stops
 * sessions, reports. It may be killed between any two of its steps; its disk stays.
 */
import type { HeartbeatAnswer, SettleRequest } from "@gastown/protocol";
import type { LaunchPlan } from "@gastown/town";
import type { TownLine } from "../host/town-line.ts";
import type { Network, Reply } from "../kernel/network.ts";
import type { Random } from "../kernel/random.ts";
import { MINUTE, SECOND } from "../kernel/timeline.ts";
import type { World } from "../world/world.ts";
import { AgentSession } from "./agent-session.ts";
import { Callbacks } from "./callbacks.ts";
import type { Disk } from "./disk.ts";
import { Landing } from "./landing.ts";
import { LEFT_OVER, saveWork } from "./save-work.ts";

export interface RunnerOptions {
  world: World;
  network: Network;
  host: TownLine;
  disk: Disk;
  number: number;
  onRegistered: () => void;
  /** `expected`: it was asked to go. */
  onGone: (expected: boolean) => void;
}

const HEARTBEAT = 30 * SECOND;
const DEAF_AFTER = 60;

export class Runner {
  readonly id: string;
  readonly name: string;
  readonly callbacks: Callbacks;
  readonly landing: Landing;
  readonly world: World;
  readonly network: Network;
  readonly host: TownLine;
  readonly disk: Disk;
  readonly random: Random;
  alive = false;
  leaving = false;
  epoch = 0;
  readonly sessions = new Map<string, AgentSession>();
  /** The newest session of each agent: its directory is theirs, one after the other. */
  readonly #slots = new Map<string, AgentSession>();
  readonly #options: RunnerOptions;
  #unanswered = 0;
  #modelDownUntil = 0;

  constructor(options: RunnerOptions) {
    const { world, network, host, disk, number } = options;
    this.#options = options;
    this.world = world;
    this.network = network;
    this.host = host;
    this.disk = disk;
    this.name = `runner ${number}`;
    this.id = `run_${String(number).padStart(26, "0")}`;
    this.random = world.random.fork(this.name);
    this.callbacks = new Callbacks({
      world,
      network,
      host,
      disk,
      name: this.name,
      epoch: () => this.epoch,
      alive: () => this.alive,
      onFenced: () => this.fenced(),
    });
    this.landing = new Landing(this);
  }

  /** Whether its control server answers. */
  get listens(): boolean {
    return this.alive && this.epoch > 0;
  }

  /** The machine's clock, in epoch milliseconds. */
  wallNow(): number {
    return this.host.wall();
  }

  /** A session has met a model that does not answer: until then (epoch ms) none is asked. */
  noteModelDown(until: number): void {
    this.#modelDownUntil = Math.max(this.#modelDownUntil, until);
  }

  /** Epoch ms; null: as far as is known models answer. */
  get modelDownUntil(): number | null {
    return this.#modelDownUntil > this.wallNow() ? this.#modelDownUntil : null;
  }

  boot(): void {
    this.alive = true;
    this.later(this.random.between(300, 3_000), () => this.#register());
  }

  /** Runs `run` later unless the process died meanwhile; a runner may also die instead of running it. */
  later(delay: number, run: () => void): void {
    this.world.time.after(delay, () => {
      if (!this.alive) return;
      if (this.world.faults.hit("runner_crash")) return this.kill();
      run();
    });
  }

  kill(): void {
    this.#end(false);
  }

  /** With its machine: agents that were left over are gone as well. */
  vanish(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const session of this.sessions.values()) session.vanish();
  }

  /** A newer instance took over: the work is saved and the process exits. */
  fenced(): void {
    if (!this.alive || this.leaving) return;
    this.leaving = true;
    const sessions = [...this.sessions.values()];
    for (const session of sessions) session.end("evicted", "runner_fenced");
    this.#exitOnceSaved();
  }

  /** It may not say anything any more, but what it has is not lost. */
  #exitOnceSaved(): void {
    this.later(6 * SECOND, () => (this.disk.aside.size === 0 ? this.#end(true) : this.#exitOnceSaved()));
  }

  /** Turns may end, work is saved, callbacks are flushed, then it is gone. */
  drain(done: () => void): void {
    if (this.leaving) return done();
    this.leaving = true;
    this.callbacks.add({
      lane: "runner",
      name: "draining",
      tell: (town) => town.post({ type: "runner_draining", epoch: this.epoch }),
    });
    this.later(this.random.between(SECOND, MINUTE), () => {
      for (const session of this.sessions.values()) session.end("evicted", "draining");
      this.#leaveWhenFlushed(done, 30);
    });
  }

  #leaveWhenFlushed(done: () => void, tries: number): void {
    this.later(2 * SECOND, () => {
      if (!this.callbacks.empty && tries > 0) return this.#leaveWhenFlushed(done, tries - 1);
      this.host.request((town) => town.post({ type: "runner_drained", epoch: this.epoch }));
      this.#end(true);
      done();
    });
  }

  #end(expected: boolean): void {
    if (!this.alive) return;
    this.alive = false;
    this.world.note(() => `${this.name} is gone`);
    for (const session of this.sessions.values()) session.processGone();
    this.#options.onGone(expected);
  }

  /** The boot secret counts once: an instance whose answer was lost cannot register again. */
  #register(): void {
    this.network.call<{ epoch: number; desired: LaunchPlan[] }>({
      name: `${this.name} → town: register`,
      timeoutMs: 20 * SECOND,
      deliver: () =>
        this.epoch === 0 && this.alive
          ? this.host.request((town) => town.registerRunner(this.id))
          : { type: "error", code: "token_invalid" },
      done: (outcome) => {
        if (!this.alive) return;
        if (outcome.type === "down") return this.later(SECOND, () => this.#register());
        if (outcome.type !== "ok") return this.kill();
        this.epoch = outcome.value.epoch;
        this.#options.onRegistered();
        this.#resume(outcome.value.desired);
      },
    });
  }

  #resume(desired: readonly LaunchPlan[]): void {
    const wanted = new Set(desired.map((plan) => plan.session_id));
    const leftOver = [...this.disk.worktrees.values()].filter((tree) => !wanted.has(tree.sessionId));
    for (const tree of [...leftOver, ...this.disk.aside]) saveWork(this, tree, LEFT_OVER);
    for (const plan of desired) this.start(plan);
    this.callbacks.pump();
    this.#heartbeat();
  }

  start(plan: LaunchPlan): Reply<unknown> {
    const known = this.sessions.get(plan.session_id);
    if (known?.epoch === plan.epoch) return { type: "ok", value: known.state };
    const before = this.#slots.get(plan.agent.id);
    if (before && before.epoch >= plan.epoch) return { type: "error", code: "session_fenced" };
    if (this.leaving) return { type: "error", code: "draining" };
    const session = new AgentSession(this, plan);
    this.sessions.set(plan.session_id, session);
    this.#slots.set(plan.agent.id, session);
    before?.end("evicted", "replaced");
    if (before) before.whenOver(() => session.begin());
    else session.begin();
    return { type: "ok", value: "queued" };
  }

  /** The session that is meant, in exactly that life. */
  #known(sessionId: string, epoch: number): AgentSession | Reply<never> {
    const session = this.sessions.get(sessionId);
    if (!session) return { type: "error", code: "not_found" };
    return epoch === session.epoch ? session : { type: "error", code: "session_fenced" };
  }

  /** Asked about one that was not heard of for long. */
  checkSession(sessionId: string, epoch: number): Reply<unknown> {
    const session = this.#known(sessionId, epoch);
    if (!(session instanceof AgentSession)) return { type: "error", code: "session_unknown" };
    return session.state === "gone"
      ? { type: "error", code: "session_unknown" }
      : { type: "ok", value: session.state };
  }

  stopSession(sessionId: string, epoch: number, mode: "graceful" | "now"): Reply<unknown> {
    const session = this.#known(sessionId, epoch);
    if (!(session instanceof AgentSession)) return session;
    session.stop(mode);
    return { type: "ok", value: null };
  }

  poke(sessionId: string, epoch: number): Reply<unknown> {
    const session = this.#known(sessionId, epoch);
    if (!(session instanceof AgentSession)) return session;
    session.poke();
    return { type: "ok", value: null };
  }

  message(sessionId: string, epoch: number, messageId: string): Reply<unknown> {
    const session = this.#known(sessionId, epoch);
    if (!(session instanceof AgentSession)) return session;
    if (session.state === "gone") return { type: "error", code: "not_found" };
    session.mayorTurn(messageId);
    return { type: "ok", value: null };
  }

  settle(sessionId: string, request: SettleRequest): Reply<unknown> {
    const session = this.#known(sessionId, request.epoch);
    if (!(session instanceof AgentSession)) return session;
    if (session.state === "gone") return { type: "error", code: "not_found" };
    session.settle(request);
    return { type: "ok", value: null };
  }

  #heartbeat(): void {
    this.later(HEARTBEAT, () => {
      this.#beat();
      this.#heartbeat();
    });
  }

  #beat(): void {
    if (this.world.faults.hit("heartbeat_lost")) return this.#deaf();
    for (const session of this.sessions.values())
      if (session.state !== "gone" && this.world.faults.hit("session_forgotten")) this.#forget(session);
    const request = {
      instance_id: this.id,
      draining: this.leaving,
      sessions: [...this.sessions.values()]
        .filter((session) => session.state !== "gone")
        .map((session) => session.beat()),
    };
    this.network.call<HeartbeatAnswer>({
      name: `${this.name} → town: heartbeat of ${request.sessions.length}`,
      timeoutMs: 10 * SECOND,
      deliver: () => this.host.request((town) => town.heartbeat(this.epoch, request)),
      done: (outcome) => {
        if (!this.alive) return;
        if (outcome.type === "error") return this.fenced();
        if (outcome.type !== "ok") return this.#deaf();
        this.#unanswered = 0;
        this.callbacks.pump();
        for (const { session_id, request_id } of outcome.value.permissions ?? [])
          this.sessions.get(session_id)?.permissions.decided(request_id);
        for (const { session_id, verdict } of outcome.value.sessions)
          if (verdict !== "ok") this.sessions.get(session_id)?.end("stopped", verdict);
      },
    });
  }

  /** As a bug would: nothing is saved, nobody is told. What it left on the disk is found later. */
  #forget(session: AgentSession): void {
    session.vanish();
    this.sessions.delete(session.id);
  }

  /** So many heartbeats without an answer: nobody is there to work for. */
  #deaf(): void {
    if (++this.#unanswered < DEAF_AFTER || this.leaving) return;
    this.drain(() => undefined);
  }
}
