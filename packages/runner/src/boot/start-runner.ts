/**
 * Boot (spec/runner.md §2): lock, listen, write the runner file, end what an earlier instance left,
 * register, resume, save. The control server answers from the second step on, and a start that
 * arrives meanwhile waits for its own directory only, never for boot as a whole.
 */
import { realpathSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { HealthAnswer, RegisterAnswer, StartRequest } from "@gastown/protocol";
import { controlApp, listen } from "../control/server.ts";
import type { Listening, Progress } from "../control/server.ts";
import { createGitWorkspace } from "../git/index.ts";
import type { RunnerOptions } from "../options.ts";
import { processStartTime } from "../processes/process-table.ts";
import { reapEarlier } from "../processes/reap.ts";
import { within } from "../wait.ts";
import { ResumePlaces } from "../sessions/resume-places.ts";
import type { SlotRecord } from "../sessions/slot-record.ts";
import { abandon, drain } from "./drain.ts";
import type { DrainReason } from "./drain.ts";
import { forgetUnknown, onDisk } from "./forget.ts";
import { saveLeftover } from "./leftovers.ts";
import { endOfLeftover, isSomewhere, NOTHING_SAVED } from "../sessions/save-work.ts";
import type { Saved } from "../sessions/save-work.ts";
import { makeParts } from "./parts.ts";
import { Patience } from "./patience.ts";
import type { MakeGit, Parts } from "./parts.ts";
import { prewarm } from "./prewarm.ts";
import { register } from "./register.ts";
import { removeRunnerFile, writeRunnerFile } from "./runner-file.ts";
import { lockWorkDirectory } from "./work-lock.ts";

/** How long a resume may keep the ones behind it waiting, in milliseconds. */
const RESUME_PATIENCE_MS = 10_000;

/** How long effects in hand may take to notice that they are cut off, in milliseconds. */
const EFFECTS_MS = 15_000;

export interface RunnerExit {
  /** For the process: 0 when everything was left in order. */
  readonly code: number;
  readonly reason: "drained" | "fenced" | "register_refused" | "failed";
  /** Sessions whose work is only on this machine; the next instance saves it. */
  readonly unsaved: readonly string[];
}

/** @throws GastownError `already_exists` when another runner holds the work directory */
export async function startRunner(
  options: RunnerOptions,
  makeGit: MakeGit = createGitWorkspace,
): Promise<Runner> {
  const unlock = lockWorkDirectory(options.root);
  try {
    const runner = new Runner(options, makeGit, unlock);
    await runner.listen();
    void runner.boot();
    return runner;
  } catch (thrown) {
    unlock();
    throw thrown;
  }
}

export class Runner {
  readonly #options: Omit<RunnerOptions, "bootSecret">;
  readonly #parts: Parts;
  readonly #unlock: () => void;
  readonly #exit = Promise.withResolvers<RunnerExit>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #ended = new AbortController();
  readonly #startedAt = new Date().toISOString();
  /** Held only until the town has taken it. */
  #bootSecret: string;
  #booted: Promise<void> | null = null;
  #control: Listening | null = null;
  #progress: Progress = { phase: "booting", done: 0, total: 0 };
  #epoch = 0;
  readonly #patience = new Patience();
  #leaving: Promise<void> | null = null;

  constructor({ bootSecret, ...options }: RunnerOptions, makeGit: MakeGit, unlock: () => void) {
    this.#options = options;
    this.#bootSecret = bootSecret;
    this.#unlock = unlock;
    this.#parts = makeParts({ bootSecret: "", ...options }, realpathSync(options.root), makeGit, {
      onFenced: () => this.#leave("fenced"),
      onLost: () => this.drain("host", 0),
    });
  }

  get url(): string {
    return this.#control?.url ?? "";
  }

  get bearer(): string {
    return this.#parts.bearer;
  }

  /** Resolves when it has left everything in order; the process may then end. */
  get exit(): Promise<RunnerExit> {
    return this.#exit.promise;
  }

  /** Resolves when every desired session was resumed or has ended. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Whether it is on its way out. */
  get isLeaving(): boolean {
    return this.#leaving !== null;
  }

  /** Lets running turns end for so long (ms); again, the shorter wait counts. */
  drain(reason: DrainReason, waitMs: number = this.#parts.timing.drainWaitMs): void {
    this.#patience.waitAtMost(waitMs);
    this.#leave("drained", reason);
  }

  /** Waits for nothing any more: agents are killed, and saving their work has seconds. */
  hurry(reason: DrainReason): void {
    this.#options.log("drain.hurried", { reason });
    this.#patience.endAtOnce();
    this.#leave("drained", reason);
  }

  /** Ends every agent process at once, without saving anything. */
  kill(): void {
    this.#parts.pool.kill();
  }

  async listen(): Promise<void> {
    const { bearer, registry, effects, git, logs, slots, town, redactor, instanceId, root, access, tools } =
      this.#parts;
    await access?.listen();
    await tools.listen();
    const app = controlApp({
      bearer,
      registry,
      effects,
      git,
      logs,
      slots,
      log: this.#options.log,
      health: () => this.#health(),
      progress: () => (registry.draining ? { ...this.#progress, phase: "draining" } : this.#progress),
      refreshToken: (token) => {
        redactor.add(token);
        town.useToken(token);
        this.#options.log("credential.renewed", {});
      },
      drain: ({ reason, wait_ms }) => this.drain(reason, wait_ms),
    });
    this.#control = await listen(app);
    writeRunnerFile(root, {
      url: this.#control.url,
      bearer,
      pid: process.pid,
      start_time: processStartTime(process.pid) ?? "",
      instance_id: instanceId,
      version: this.#options.version,
    });
  }

  /**
   * Everything that may wait for the town; a refused registration ends the runner. Called again, also
   * at the same time, it is the same boot.
   */
  boot(): Promise<void> {
    this.#booted ??= this.#boot();
    return this.#booted;
  }

  async #boot(): Promise<void> {
    const { root, instanceId, town, bearer } = this.#parts;
    const { log, version } = this.#options;
    try {
      log("runner.booted", { instance_id: instanceId, url: this.url, reaped: reapEarlier(root, instanceId) });
      const control = { url: this.url, bearer };
      const request = { instance_id: instanceId, version, pid: process.pid, control };
      const before = await onDisk(this.#parts);
      const answer = await register(town, request, this.#bootSecret, log, this.#ended.signal);
      this.#bootSecret = "";
      this.#epoch = answer.epoch;
      town.useFirstToken(answer.token);
      if (!answer.desired.some(({ role }) => role === "mayor")) this.#prewarm();
      await this.#resume(answer.desired);
      this.#progress = { ...this.#progress, phase: "ready" };
      this.#ready.resolve();
      const tidying = { ...this.#parts, log, signal: this.#ended.signal };
      if (answer.known !== undefined) await forgetUnknown(tidying, before, answer.known);
    } catch (thrown) {
      // A drain cuts boot off; that is not another reason to go.
      if (this.isLeaving) return;
      log("runner.boot_failed", { message: String(thrown) });
      this.#leave("register_refused");
    }
  }

  #health(): HealthAnswer {
    const { instanceId, registry } = this.#parts;
    return {
      status: "ok",
      instance_id: instanceId,
      version: this.#options.version,
      epoch: this.#epoch,
      started_at: this.#startedAt,
      draining: registry.draining,
      sessions: registry.live().length,
      ...(registry.mayorReadyAt === null ? {} : { mayor_ready_at: registry.mayorReadyAt }),
    };
  }

  /** Boot does not wait for it. */
  #prewarm(): void {
    const { town, registry } = this.#parts;
    void prewarm({ town, registry, log: this.#options.log }, this.#ended.signal);
  }

  /**
   * Takes up the town's sessions, the mayor first, the others a few at a time, and saves what the
   * rest left. Only boot waits here: a fresh start takes no part in it.
   */
  async #resume(desired: RegisterAnswer["desired"]): Promise<void> {
    const { heartbeats } = this.#parts;
    this.#progress = { phase: "resuming", done: 0, total: desired.length };
    const places = new ResumePlaces(2 * availableParallelism(), RESUME_PATIENCE_MS);
    const resumed = desired.map(async (request) => {
      await this.#start(request, places);
      this.#progress = { ...this.#progress, done: this.#progress.done + 1 };
    });
    const saved = this.#saveLeftovers(desired);
    await heartbeats.now();
    await Promise.all([...resumed, ...saved]);
  }

  /** One failed resume is reported for that session and stops nobody else. */
  async #start(request: StartRequest, places: ResumePlaces): Promise<void> {
    const { registry } = this.#parts;
    try {
      registry.start(request, request.role === "mayor" ? null : places);
    } catch (thrown) {
      // What it had left is saved first, so that its last word can say where.
      const record = this.#parts.slots.read(request.agent.id);
      const left = record?.session_id === request.session_id && !record.saved ? record : null;
      registry.refuse(request, thrown, left === null ? NOTHING_SAVED : await this.#save(left));
      return;
    }
    await registry.get(request.session_id).opened;
  }

  /** @returns where what was saved is; what could not be is tried again by itself */
  async #save(record: SlotRecord): Promise<Saved> {
    const { registry, slots, git } = this.#parts;
    const { log } = this.#options;
    // What fails here (a full disk, say) stays unsaved.
    const saving = saveLeftover({ git, slots, log }, record).catch((thrown: unknown) => {
      log("leftover.unsaved", { session_id: record.session_id, message: String(thrown) });
      return NOTHING_SAVED;
    });
    const saved = await registry.hold(record.agent_id, saving);
    registry.saveLater(record.agent_id);
    return saved;
  }

  /**
   * A slot that a session has saves by itself what was left, before it touches the directory. A session
   * that had ended at the town still says where that is.
   */
  #saveLeftovers(desired: readonly StartRequest[]): Promise<void>[] {
    const { registry, slots, sender } = this.#parts;
    const resumed = new Set(desired.map(({ session_id }) => session_id));
    return slots
      .all()
      .filter((record) => !record.saved && !registry.uses(record.agent_id) && !resumed.has(record.session_id))
      .map(async (record) => {
        const left = await this.#save(record);
        if (isSomewhere(left)) sender.ended(record.session_id, endOfLeftover(record, left));
      });
  }

  #leave(reason: RunnerExit["reason"], why: DrainReason = "host"): void {
    // Fenced, or lost: whatever it is waiting for is not wanted any more.
    if (reason !== "drained") this.#patience.waitAtMost(0);
    this.#leaving ??= this.#end(reason, why).catch((thrown: unknown) => {
      this.#options.log("runner.end_failed", { message: String(thrown) });
      this.#exit.resolve({ code: 1, reason: "failed", unsaved: [] });
    });
  }

  async #end(reason: RunnerExit["reason"], why: DrainReason): Promise<void> {
    const { sender, effects, heartbeats, pool, root, instanceId, outbox } = this.#parts;
    this.#ended.abort(new Error("The runner ends."));
    const booted = this.#booted ?? Promise.resolve();
    const deps = { ...this.#parts, log: this.#options.log, patience: this.#patience, booted };
    const unsaved = reason === "drained" ? await drain(deps, why) : await abandon(deps);
    await within(effects.stop(), EFFECTS_MS, this.#patience.hurry);
    heartbeats.stop();
    sender.stop();
    if (this.#patience.hurry.aborted) pool.kill();
    await pool.stop();
    await this.#parts.access?.close();
    await this.#parts.tools.close();
    await this.#control?.close();
    removeRunnerFile(root, instanceId);
    outbox.close();
    this.#unlock();
    this.#ready.resolve();
    const inOrder = (reason === "drained" || reason === "fenced") && unsaved.length === 0;
    this.#exit.resolve({ code: inOrder ? 0 : 1, reason, unsaved });
  }
}
