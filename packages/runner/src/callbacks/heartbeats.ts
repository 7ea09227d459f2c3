/**
 * One heartbeat for all sessions (spec/runner.md §1). Its answer is the town's word on each of
 * them. Failures are counted, not minutes: a laptop asleep has none.
 */
import { heartbeatAnswer } from "@gastown/protocol";
import type { HeartbeatAnswer, HeartbeatSession } from "@gastown/protocol";
import type { ModelGate } from "../models/model-gate.ts";
import type { Log } from "../options.ts";
import type { TownClient } from "./town-client.ts";

export type Verdict = HeartbeatAnswer["sessions"][number]["verdict"];

export interface HeartbeatOptions {
  readonly instanceId: string;
  readonly everyMs: number;
  readonly town: TownClient;
  readonly log: Log;
  readonly draining: () => boolean;
  readonly sessions: () => HeartbeatSession[];
  readonly models: Pick<ModelGate, "news" | "told">;
  readonly onVerdict: (
    sessionId: string,
    verdict: Verdict,
    token: string | undefined,
    /** How many nudges wait for it in the town. */
    nudges: number,
  ) => void;
  /** A permission request that its session waits for. */
  readonly onPermission: (sessionId: string, requestId: string, decision: "allow" | "deny") => void;
  /** The town has answered: what waited for it may be tried now. */
  readonly onAnswered: () => void;
  /** 60 failures in a row. */
  readonly onLost: () => void;
}

const NO_TURNS_AFTER = 10;
const DRAIN_AFTER = 60;
const TIMEOUT_MS = 20_000;

export class Heartbeats {
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | null = null;
  #failures = 0;
  #beating: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #stopped = false;
  readonly #fresh = new Set<(answer: HeartbeatAnswer) => void>();

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Whether a further turn may begin: the town has been heard of lately. */
  get mayBeginTurns(): boolean {
    return this.#failures < NO_TURNS_AFTER;
  }

  /** Beats now, or once more when a beat is under way that may not show the newest state. */
  now(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    if (this.#beating === null) {
      this.#beating = this.#beat().finally(() => {
        this.#beating = null;
      });
      return this.#beating;
    }
    this.#next ??= this.#beating.then(() => {
      this.#next = null;
      return this.now();
    });
    return this.#next;
  }

  /**
   * The verdict of a heartbeat that began after this call, however long that takes. The answer of
   * one that was under way may be older than what the caller has just seen.
   */
  async freshVerdict(sessionId: string, signal: AbortSignal): Promise<Verdict | null> {
    if (this.#beating !== null) await this.#beating;
    return new Promise((done) => {
      const finish = (verdict: Verdict | null): void => {
        this.#fresh.delete(onAnswer);
        signal.removeEventListener("abort", onAbort);
        done(verdict);
      };
      const onAnswer = (answer: HeartbeatAnswer): void => {
        finish(answer.sessions.find(({ session_id }) => session_id === sessionId)?.verdict ?? "unknown");
      };
      const onAbort = (): void => finish(null);
      if (signal.aborted) return finish(null);
      signal.addEventListener("abort", onAbort);
      this.#fresh.add(onAnswer);
      return void this.now();
    });
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #beat(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const { instanceId, town, draining, sessions, models } = this.#options;
    const waiting = [...this.#fresh];
    const { news } = models;
    const body = JSON.stringify({
      instance_id: instanceId,
      draining: draining(),
      sessions: sessions(),
      ...(news.length === 0 ? {} : { models_answered: news }),
    });
    try {
      const answer = await town.post("runner/heartbeat", body, {
        answer: heartbeatAnswer,
        timeoutMs: TIMEOUT_MS,
      });
      models.told(news);
      this.#answered(answer, waiting);
    } catch (thrown) {
      this.#failed(thrown);
    }
    this.#arm();
  }

  #arm(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.now(), this.#options.everyMs);
    this.#timer.unref();
  }

  #answered(answer: HeartbeatAnswer, waiting: readonly ((answer: HeartbeatAnswer) => void)[]): void {
    this.#failures = 0;
    if (answer.token !== undefined) this.#options.town.useToken(answer.token);
    for (const { session_id, verdict, token, nudges } of answer.sessions)
      this.#options.onVerdict(session_id, verdict, token, nudges ?? 0);
    for (const { session_id, request_id, decision } of answer.permissions ?? [])
      this.#options.onPermission(session_id, request_id, decision);
    for (const tell of waiting) tell(answer);
    this.#options.onAnswered();
  }

  #failed(thrown: unknown): void {
    this.#failures += 1;
    this.#options.log("heartbeat.failed", { failures: this.#failures, message: String(thrown) });
    if (this.#failures === DRAIN_AFTER) this.#options.onLost();
  }
}
