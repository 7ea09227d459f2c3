/** The one HTTP client towards the town (spec/api.md §3.16). */
import { GastownError, isErrorCode, RetryableError } from "@gastown/protocol";
import { z } from "zod";
import { abortable } from "../wait.ts";
import { Credential } from "./credential.ts";

const errorBody = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

export interface CallOptions<T> {
  readonly answer: z.ZodType<T>;
  readonly signal?: AbortSignal;
  /** Milliseconds; 30 000 by default. */
  readonly timeoutMs?: number;
  /** Instead of the runner's own token. */
  readonly token?: string;
}

/** Nothing is expected in the answer. */
export const anyAnswer: z.ZodType = z.unknown();

export class TownClient {
  readonly #base: string;
  readonly #credential = new Credential();
  readonly #onFenced: () => void;

  /** `onFenced` is told when a newer instance has taken over: this one must stop. */
  constructor(apiUrl: string, townId: string, onFenced: () => void) {
    this.#base = `${apiUrl.replace(/\/$/, "")}/api/towns/${townId}/`;
    this.#onFenced = onFenced;
  }

  /** Resolves when there is a token to call with. */
  get registered(): Promise<void> {
    return this.#credential.known;
  }

  get isRegistered(): boolean {
    return this.#credential.isKnown;
  }

  /** A renewed or pushed token: every later call uses it, and nothing is restarted. */
  useToken(token: string): void {
    this.#credential.renew(token);
  }

  /** The token of the registration's answer. */
  useFirstToken(token: string): void {
    this.#credential.register(token);
  }

  /**
   * @param path below the town, e.g. `runner/heartbeat`
   * @throws RetryableError when the town could not be reached or has a passing trouble
   * @throws GastownError with the town's code for every refusal
   */
  post<T>(path: string, body: string, options: CallOptions<T>): Promise<T> {
    return this.#ask("POST", path, body, options);
  }

  /** The same without a body. */
  get<T>(path: string, options: CallOptions<T>): Promise<T> {
    return this.#ask("GET", path, null, options);
  }

  async #ask<T>(
    method: "GET" | "POST",
    path: string,
    body: string | null,
    options: CallOptions<T>,
  ): Promise<T> {
    const response = await this.#call(method, path, body, options).catch((error: unknown) => {
      if (options.signal?.aborted === true) throw options.signal.reason;
      throw unreachable(error);
    });
    const text = await response.text().catch((error: unknown) => {
      throw unreachable(error);
    });
    if (!response.ok) throw this.#refusal(response.status, text, path);
    const parsed = options.answer.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    throw notUnderstood(path);
  }

  /**
   * One call with the newest credential; where the town does not take that one (yet), with the one
   * before it. What comes before the registration's answer (a fresh start, say) waits for that.
   */
  async #call<T>(
    method: string,
    path: string,
    body: string | null,
    options: CallOptions<T>,
  ): Promise<Response> {
    const timeout = AbortSignal.timeout(options.timeoutMs ?? 30_000);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
    const send = (token: string): Promise<Response> => {
      const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
      return fetch(this.#base + path, { method, headers, body, signal, redirect: "error" });
    };
    if (options.token !== undefined) return send(options.token);
    await abortable(this.registered, signal);
    const [newest = "", previous] = this.#credential.candidates();
    const response = await send(newest);
    return response.status === 401 && previous !== undefined ? send(previous) : response;
  }

  #refusal(status: number, text: string, path: string): GastownError {
    const parsed = errorBody.safeParse(parseJson(text));
    const code = parsed.success ? parsed.data.error.code : "";
    const message = parsed.success ? parsed.data.error.message : `The town answered ${path} with ${status}.`;
    if (code === "runner_fenced") this.#onFenced();
    if (status >= 500 || status === 429 || status === 401 || status === 408) {
      return new RetryableError(isErrorCode(code) ? code : "runner_unavailable", message);
    }
    return new GastownError(isErrorCode(code) ? code : "runner_error", message);
  }
}

/** Retryable, because what was reported must not be lost to two versions that disagree. */
function notUnderstood(path: string): RetryableError {
  const message = `The town's answer to ${path} is not what this version expects. Update both.`;
  return new RetryableError("runner_unavailable", message);
}

function unreachable(error: unknown): RetryableError {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new RetryableError(
    "runner_unavailable",
    `The town could not be reached (${detail}). It is tried again.`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
