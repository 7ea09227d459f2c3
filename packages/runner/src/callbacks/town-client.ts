/** The one HTTP client towards the town (spec/api.md §3.16). */
import { GastownError, isErrorCode, RetryableError } from "@gastown/protocol";
import { z } from "zod";

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
  #token: string | null = null;
  readonly #registered: Promise<void>;
  #markRegistered: () => void = () => undefined;
  readonly #onFenced: () => void;

  /** `onFenced` is told when a newer instance has taken over: this one must stop. */
  constructor(apiUrl: string, townId: string, onFenced: () => void) {
    this.#base = `${apiUrl.replace(/\/$/, "")}/api/towns/${townId}/`;
    this.#onFenced = onFenced;
    this.#registered = new Promise((done) => {
      this.#markRegistered = done;
    });
  }

  /** Resolves when there is a token to call with. */
  get registered(): Promise<void> {
    return this.#registered;
  }

  useToken(token: string): void {
    this.#token = token;
    this.#markRegistered();
  }

  /**
   * @param path below the town, e.g. `runner/heartbeat`
   * @throws RetryableError when the town could not be reached or has a passing trouble
   * @throws GastownError with the town's code for every refusal
   */
  async post<T>(path: string, body: string, options: CallOptions<T>): Promise<T> {
    const response = await this.#send(path, body, options);
    const text = await response.text().catch((error: unknown) => {
      throw unreachable(error);
    });
    if (!response.ok) throw this.#refusal(response.status, text, path);
    const parsed = options.answer.safeParse(parseJson(text));
    if (parsed.success) return parsed.data;
    throw notUnderstood(path);
  }

  async #send<T>(path: string, body: string, options: CallOptions<T>): Promise<Response> {
    const token = options.token ?? this.#token;
    const timeout = AbortSignal.timeout(options.timeoutMs ?? 30_000);
    const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
    const headers = {
      "content-type": "application/json",
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    };
    try {
      return await fetch(this.#base + path, { method: "POST", headers, body, signal, redirect: "error" });
    } catch (error) {
      if (options.signal?.aborted === true) throw options.signal.reason;
      throw unreachable(error);
    }
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
