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
import { ResumePlaces } from "../sessions/resume-places.ts";
import { abandon, drain } from "./drain.ts";
import type { DrainReason } from "./drain.ts";
import { saveLeftover } from "./leftovers.ts";
import { makeParts } from "./parts.ts";
import type { MakeGit, Parts } from "./parts.ts";
import { register } from "./register.ts";
import { removeRunnerFile, writeRunnerFile } from "./runner-file.ts";
import { lockWorkDirectory } from "./work-lock.ts";

/** How long a resume may keep the ones behind it waiting, in milliseconds. */
const RESUME_PATIENCE_MS = 10_000;

export interface RunnerExit {
  /** For the process: 0 when everything was left in order. */
  readonly code: number;
  readonly reason: "drained" | "fenced" | "register_refused" | "failed";
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
  #isLeaving = false;

  constructor({ bootSecret, ...options }: RunnerOptions, makeGit: MakeGit, unlock: () => void) {
    this.#options = options;
    this.#bootSecret = bootSecret;
    this.#unlock = unlock;
    this.#parts = makeParts({ bootSecret: "", ...options }, realpathSync(options.root), makeGit, {
      onFenced: () => this.#leave("fenced"),
      onLost: () => this.#leave("drained"),
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

  drain(reason: DrainReason, waitMs: number = this.#parts.timing.drainWaitMs): void {
    this.#leave("drained", reason, waitMs);
  }

  /** Ends every agent process at once, without saving anything. */
  kill(): void {
    this.#parts.pool.kill();
  }

  async listen(): Promise<void> {
    const { bearer, registry, effects, git, town, redactor, instanceId, root } = this.#parts;
    const app = controlApp({
      bearer,
      registry,
      effects,
      git,
      log: this.#options.log,
      health: () => this.#health(),
      progress: () => (registry.draining ? { ...this.#progress, phase: "draining" } : this.#progress),
      refreshToken: (token) => {
        redactor.add(token);
        town.useToken(token);
      },
      drain: ({ reason, wait_ms }) => this.#leave("drained", reason, wait_ms),
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
      const answer = await register(town, request, this.#bootSecret, log, this.#ended.signal);
      this.#bootSecret = "";
      this.#epoch = answer.epoch;
      town.useFirstToken(answer.token);
      await this.#resume(answer.desired);
      this.#progress = { ...this.#progress, phase: "ready" };
      this.#ready.resolve();
    } catch (thrown) {
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
    };
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
    const saved = this.#saveLeftovers();
    await heartbeats.now();
    await Promise.all([...resumed, ...saved]);
  }

  /** One failed resume is reported for that session and stops nobody else. */
  async #start(request: StartRequest, places: ResumePlaces): Promise<void> {
    const { registry } = this.#parts;
    try {
      registry.start(request, request.role === "mayor" ? null : places);
    } catch (thrown) {
      registry.refuse(request, thrown);
      return;
    }
    await registry.get(request.session_id).opened;
  }

  /** A slot that a session has saves by itself what was left, before it touches the directory. */
  #saveLeftovers(): Promise<void>[] {
    const { registry, slots, git, sender } = this.#parts;
    return slots
      .all()
      .filter((record) => !record.saved && !registry.uses(record.agent_id))
      .map((record) => {
        const saving = saveLeftover({ git, slots, sender, log: this.#options.log }, record);
        return registry.hold(record.agent_id, saving);
      });
  }

  #leave(reason: RunnerExit["reason"], why: DrainReason = "host", waitMs = 0): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#end(reason, why, waitMs).catch((thrown: unknown) => {
      this.#options.log("runner.end_failed", { message: String(thrown) });
      this.#exit.resolve({ code: 1, reason: "failed" });
    });
  }

  async #end(reason: RunnerExit["reason"], why: DrainReason, waitMs: number): Promise<void> {
    const { registry, sender, town, effects, heartbeats, pool, root, instanceId, outbox } = this.#parts;
    this.#ended.abort(new Error("The runner ends."));
    if (reason === "drained") await drain({ registry, sender, town, log: this.#options.log }, why, waitMs);
    else await abandon(registry);
    await effects.stop();
    heartbeats.stop();
    sender.stop();
    await pool.stop();
    await this.#control?.close();
    removeRunnerFile(root, instanceId);
    outbox.close();
    this.#unlock();
    this.#ready.resolve();
    this.#exit.resolve({ code: reason === "drained" || reason === "fenced" ? 0 : 1, reason });
  }
}
