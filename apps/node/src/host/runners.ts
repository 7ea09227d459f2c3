import type { ChildProcess } from "node:child_process";
import { GastownError } from "@gastown/protocol";
import type { EventSink, RunnerAddress, RunnerPort, RunnerWish } from "@gastown/server";
import type { RunnerInput, RunnerTiming } from "../runner/runner-input.ts";
import type { BootSecretStore } from "./credentials.ts";
import type { DataDir } from "./data-dir.ts";
import { GiveWay } from "./give-way.ts";
import { Places } from "./places.ts";
import { isRunning } from "./process-identity.ts";
import {
  askToDrain,
  endProcess,
  identify,
  logTail,
  runnerHealth,
  spawnRunner,
  waitGone,
  whenGone,
  type RunnerProcess,
  type SelfCommand,
  type SetTimer,
} from "./runner-process.ts";
import { standingOf } from "./runner-standing.ts";

/** From the start of the process to its registration. */
const START_MS = 60_000;
const HEALTH_MS = 5_000;
/** What a runner may take beyond the time that its turns are given, before it is ended. */
const DRAIN_MARGIN_MS = 30_000;
/** What a runner that was sent a signal may take to save what it has, before it is killed. */
const LAST_WORDS_MS = 12_000;
/** The same for one that reports where nobody listens: what it could not tell stays in its outbox. */
const STRANGER_MARGIN_MS = 5_000;

/** A runner that an earlier host left, as its own file tells it. */
export interface FoundRunner extends RunnerProcess {
  readonly version: string;
  /** Where it reports to. */
  readonly apiUrl: string;
}

export interface RunnersOptions {
  readonly dir: DataDir;
  readonly self: SelfCommand;
  readonly env: NodeJS.ProcessEnv;
  readonly apiUrl: string;
  readonly version: string;
  readonly secrets: BootSecretStore;
  readonly sink: EventSink;
  readonly setTimer: SetTimer;
  /** How long running turns may go on when a runner is asked to go, in milliseconds. */
  readonly drainWaitMs: number;
  /** Times of the runner that differ from its defaults (tests, demo). */
  readonly timing?: RunnerTiming;
  /** Reads the runner's file in its work directory. */
  find(root: string): FoundRunner | undefined;
  /** How many runners may live at once, over all towns. */
  readonly maxInstances: number;
  /** There is room for a town that was refused with `at_capacity`. */
  onRoom(townId: string): void;
  /** Others wait: whether that town lets its runner go now. */
  askToGiveWay(townId: string): Promise<boolean>;
  /** The runner of an earlier host lives and is taken over. */
  onFound(townId: string, address: RunnerAddress): void;
  /** Keeps where a runner was told to report, for the next host. */
  noteReportsTo(root: string, apiUrl: string): void;
  /** A runner that was registered is gone without having been asked to. */
  onLost(townId: string, reason: string): void;
}

interface Current extends RunnerProcess {
  readonly unwatch: () => void;
}

/** The runner processes of this host: one per town, never two at once (spec/runner.md intro). */
export class Runners implements RunnerPort {
  readonly #options: RunnersOptions;
  readonly #current = new Map<string, Current>();
  readonly #starting = new Map<string, Promise<RunnerAddress>>();
  readonly #registrations = new Map<string, (address: RunnerAddress) => void>();
  readonly #stopping = new Map<string, Promise<void>>();
  readonly #retired = new Set<string>();
  /** Towns whose runner has begun and not registered yet. */
  readonly #beginning = new Set<string>();
  readonly #places: Places;
  readonly #giveWay: GiveWay;
  readonly #closing = new AbortController();

  constructor(options: RunnersOptions) {
    this.#options = options;
    this.#places = new Places({
      max: options.maxInstances,
      occupied: () => new Set([...this.#beginning, ...this.#current.keys(), ...this.#stopping.keys()]),
      setTimer: options.setTimer,
      onRoom: (townId) => options.onRoom(townId),
      onWanted: () => this.#giveWay.wanted(),
    });
    this.#giveWay = new GiveWay({
      // Those that go already will make room by themselves.
      needed: () => this.#places.waiting - this.#stopping.size,
      holders: () => this.townIds(),
      ask: (townId) => options.askToGiveWay(townId),
    });
  }

  current(townId: string): RunnerAddress | null {
    return this.#current.get(townId)?.address ?? null;
  }

  /** Towns with a runner of this host, whoever has had it longest first. */
  townIds(): string[] {
    return [...this.#current.keys()];
  }

  ensure(townId: string, { mayor = false }: RunnerWish = {}): Promise<RunnerAddress> {
    if (mayor) this.#places.prefer(townId);
    const running = this.#starting.get(townId);
    if (running !== undefined) return running;
    const starting = this.#ensure(townId).finally(() => this.#starting.delete(townId));
    this.#starting.set(townId, starting);
    return starting;
  }

  /** Its town is being deleted: the runner ends, and none is ever started for it again. */
  async retire(townId: string): Promise<void> {
    this.#retired.add(townId);
    await this.stop(townId);
    await this.#stopping.get(townId);
  }

  registered(townId: string, address: RunnerAddress): void {
    this.#registrations.get(townId)?.(address);
  }

  drained(townId: string, instanceId: string): void {
    const current = this.#current.get(townId);
    if (current?.address.instanceId === instanceId) void this.#awaitEnd(townId, current, DRAIN_MARGIN_MS);
  }

  /**
   * Takes over the runner that an earlier host left, where it is alive, of this version and reports
   * to this address. One that is not is told to go; the next `ensure` waits until it is gone.
   */
  async adopt(townId: string): Promise<void> {
    const found = this.#options.find(this.#options.dir.runner(townId));
    if (found === undefined || !isRunning(found) || this.#current.has(townId)) return;
    const health = await runnerHealth(found.address, HEALTH_MS);
    const ours = found.version === this.#options.version && found.apiUrl === this.#options.apiUrl;
    if (health !== undefined && ours && !health.draining) {
      this.#options.sink.log("info", "Found the runner of an earlier host.", { townId, pid: found.pid });
      this.#keep(townId, found);
      this.#options.onFound(townId, found.address);
    } else void this.#replaceLater(townId, found, ours);
  }

  async stop(townId: string, waitMs: number = this.#options.drainWaitMs): Promise<void> {
    // One that is just starting must not be forgotten: it would live on without an owner.
    await this.#starting.get(townId)?.catch(() => {});
    const stopping = this.#stopping.get(townId);
    if (stopping !== undefined) return stopping;
    const current = this.#current.get(townId);
    if (current === undefined) return;
    this.#forget(townId);
    return this.#stopOne(townId, current, waitMs);
  }

  /** Drains every runner, giving its turns so many milliseconds (`keep`: leaves them to the next host). */
  async close(how: "keep" | number): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#starting.values());
    const ids = this.townIds();
    if (how === "keep") for (const id of ids) this.#forget(id);
    else await Promise.all(ids.map((id) => this.stop(id, how)));
    await Promise.all(this.#stopping.values());
  }

  async #ensure(townId: string): Promise<RunnerAddress> {
    await this.#stopping.get(townId);
    const living = await this.#healthy(townId);
    if (living !== undefined) return living;
    if (this.#retired.has(townId)) throw unavailable("This town is being deleted.");
    if (this.#closing.signal.aborted) throw unavailable("This host is stopping and starts no runner.");
    await this.adopt(townId);
    await this.#stopping.get(townId);
    return this.current(townId) ?? this.#start(townId);
  }

  /** The current runner when it answers; ends it when it runs and does not. */
  async #healthy(townId: string): Promise<RunnerAddress | undefined> {
    const current = this.#current.get(townId);
    if (current === undefined) return undefined;
    const standing = await standingOf({
      isThere: () =>
        !this.#closing.signal.aborted && this.#current.get(townId) === current && isRunning(current),
      ask: () => runnerHealth(current.address, HEALTH_MS),
      pause: (ms) => this.#pause(ms),
    });
    if (standing === "healthy") return current.address;
    if (standing === "gone") return undefined;
    if (standing === "draining") {
      // Somebody asked it to go. The next one begins when it has.
      await this.#awaitEnd(townId, current, this.#options.drainWaitMs + DRAIN_MARGIN_MS);
      return undefined;
    }
    this.#options.sink.log("warn", "A runner does not answer and is replaced.", {
      townId,
      pid: current.pid,
    });
    this.#forget(townId);
    await endProcess(current, 5_000, this.#options.setTimer);
    return undefined;
  }

  /** Ends early where the host stops: nobody waits for a runner any more. */
  #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#closing;
    const { promise, resolve } = Promise.withResolvers<void>();
    const over = (): void => resolve();
    const cancel = this.#options.setTimer(milliseconds, over);
    if (signal.aborted) over();
    else signal.addEventListener("abort", over, { once: true });
    return promise.finally(() => {
      cancel();
      signal.removeEventListener("abort", over);
    });
  }

  async #start(townId: string): Promise<RunnerAddress> {
    this.#places.take(townId);
    this.#beginning.add(townId);
    const { dir, self, env, apiUrl, version, secrets, drainWaitMs, timing } = this.#options;
    const input: RunnerInput = {
      root: dir.runner(townId),
      apiUrl,
      townId,
      bootSecret: secrets.issue(townId),
      version,
      drainWaitMs,
      ...timing,
    };
    const { child, logPath } = spawnRunner(self, input, env);
    this.#options.noteReportsTo(input.root, apiUrl);
    try {
      const address = await this.#registration(townId, child, logPath);
      this.#keep(townId, identify(child, address), child);
      return address;
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    } finally {
      this.#beginning.delete(townId);
      this.#places.freed();
    }
  }

  #registration(townId: string, child: ChildProcess, logPath: string): Promise<RunnerAddress> {
    const { promise, resolve, reject } = Promise.withResolvers<RunnerAddress>();
    const cancel = this.#options.setTimer(START_MS, () =>
      reject(unavailable(`The runner did not register within ${START_MS / 1000} s. Its log: ${logPath}`)),
    );
    const exited = (code: number | null, signal: string | null): void =>
      reject(
        unavailable(
          `The runner ended (${signal ?? `exit code ${code}`}) before it was ready. Its log, ${logPath}, ends with:\n${logTail(logPath)}`,
        ),
      );
    const failed = (error: Error): void =>
      reject(unavailable(`The runner could not be started: ${error.message}`));
    child.once("exit", exited).once("error", failed);
    this.#registrations.set(townId, resolve);
    return promise.finally(() => {
      cancel();
      child.off("exit", exited);
      child.off("error", failed);
      this.#registrations.delete(townId);
    });
  }

  #keep(townId: string, one: RunnerProcess, child?: ChildProcess): void {
    const gone = (): void => {
      if (this.#current.get(townId) !== current) return;
      this.#current.delete(townId);
      this.#places.freed();
      this.#options.onLost(townId, `The runner (process ${one.pid}) ended by itself.`);
    };
    let unwatch: () => void;
    if (child === undefined) unwatch = (): void => {};
    else {
      child.once("exit", gone);
      unwatch = () => child.off("exit", gone);
    }
    const current: Current = { ...one, unwatch: () => unwatch() };
    this.#current.set(townId, current);
    if (this.#places.waiting > 0) this.#giveWay.wanted();
    if (child === undefined) unwatch = whenGone(one, this.#options.setTimer, gone);
    else if (child.exitCode !== null || child.signalCode !== null) gone();
  }

  /** It goes by itself; one that does not within `limitMs` is ended. Nothing starts before it is gone. */
  #awaitEnd(townId: string, one: RunnerProcess, limitMs: number): Promise<void> {
    this.#forget(townId);
    const { setTimer } = this.#options;
    return this.#ending(townId, async () => {
      if (!(await waitGone(one, limitMs, setTimer))) await endProcess(one, LAST_WORDS_MS, setTimer);
    });
  }

  #ending(townId: string, work: () => Promise<void>): Promise<void> {
    const stopping = work().finally(() => {
      this.#stopping.delete(townId);
      this.#places.freed();
    });
    this.#stopping.set(townId, stopping);
    return stopping;
  }

  #forget(townId: string): void {
    this.#current.get(townId)?.unwatch();
    this.#current.delete(townId);
  }

  async #replaceLater(townId: string, found: FoundRunner, ours: boolean): Promise<void> {
    const why = ours ? "it does not answer or is draining" : "it is of another version or reports elsewhere";
    this.#options.sink.log("warn", `The runner of an earlier host is replaced: ${why}.`, {
      townId,
      pid: found.pid,
    });
    await this.#stopOne(townId, found, 0, ours ? DRAIN_MARGIN_MS : STRANGER_MARGIN_MS);
  }

  #stopOne(townId: string, one: RunnerProcess, waitMs: number, marginMs = DRAIN_MARGIN_MS): Promise<void> {
    const { setTimer } = this.#options;
    return this.#ending(townId, async () => {
      const asked = await askToDrain(one.address, waitMs);
      if (asked && (await waitGone(one, waitMs + marginMs, setTimer))) return;
      await endProcess(one, LAST_WORDS_MS, setTimer);
    });
  }
}

function unavailable(message: string): GastownError {
  return new GastownError("runner_unavailable", message);
}
