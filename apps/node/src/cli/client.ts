import { randomUUID } from "node:crypto";
import { ERROR_CODES, GastownError, isErrorCode, type ErrorCode } from "@gastown/protocol";
import { z } from "zod";
import { noServer } from "./failure.ts";

export interface ClientOptions {
  /** Origin of the server, without a trailing slash. */
  readonly url: string;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
  /** What to do when nobody answers at `url`. */
  readonly hint: string;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly query?: Record<string, string | number | boolean | undefined>;
  readonly headers?: Record<string, string>;
  /** Names the intent; without it every call that changes something gets a fresh one. */
  readonly key?: string;
}

interface TextAnswer {
  readonly body: ReadableStream<Uint8Array>;
  readonly headers: Headers;
}

const TRIES = 5;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

const errorAnswer = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
});

/**
 * Client of the HTTP API. Each intent has one idempotency key, kept over its retries; a code whose
 * *retry* column says `same` is tried again after `Retry-After` or a growing pause (spec/api.md §1.3).
 */
export class ApiClient {
  readonly url: string;
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.url = options.url;
    this.#options = options;
  }

  get<T>(schema: z.ZodType<T>, path: string, query?: CallOptions["query"]): Promise<T> {
    return this.call(schema, "GET", path, query === undefined ? {} : { query });
  }

  post<T>(schema: z.ZodType<T>, path: string, body: unknown = {}): Promise<T> {
    return this.call(schema, "POST", path, { body });
  }

  /** Throws a `GastownError` with the server's code; exit code 4 where nobody answers. */
  async call<T>(schema: z.ZodType<T>, method: string, path: string, options: CallOptions = {}): Promise<T> {
    const { body } = await this.raw(method, path, options);
    const parsed = schema.safeParse(body);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw new GastownError(
      "internal",
      `The server at ${this.url} answered ${method} ${path} in a shape that this gastown does not know (${issue?.path.join(".")}: ${issue?.message}). Are both of the same version? \`gastown version\` tells.`,
    );
  }

  /** Without a schema: the parsed body and the answer's headers. */
  async raw(
    method: string,
    path: string,
    options: CallOptions = {},
  ): Promise<{ body: unknown; headers: Headers }> {
    const kept = { ...options, key: options.key ?? randomUUID() };
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#send(() => this.#request(method, path, kept), attempt === 1);
      if (response.ok) return { body: parse(await response.text()), headers: response.headers };
      const error = await failureOf(response);
      if (attempt >= TRIES || ERROR_CODES[error.code][1] !== "same") throw error;
      await this.#pause(response.headers.get("retry-after"), attempt);
    }
  }

  /** An answer that is streamed. Not tried again. */
  async download(path: string): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#stream(path, {});
    return body;
  }

  /** The same as plain text, where the route has both forms. */
  text(path: string, query: CallOptions["query"] = {}): Promise<TextAnswer> {
    return this.#stream(path, { query, headers: { accept: "text/plain" } });
  }

  async #stream(path: string, options: CallOptions): Promise<TextAnswer> {
    const response = await this.#send(() => this.#request("GET", path, { ...options, key: "" }), false);
    if (!response.ok || response.body === null) throw await failureOf(response);
    return { body: response.body, headers: response.headers };
  }

  /** Sends what can be read only once, packed with gzip; what fails in the middle is not tried again. */
  async upload<T>(
    schema: z.ZodType<T>,
    path: string,
    body: ReadableStream<Uint8Array>,
    query: CallOptions["query"] = {},
  ): Promise<T> {
    const headers = { "content-type": "application/jsonl", "content-encoding": "gzip" };
    const { url, headers: all } = this.#request("POST", path, { headers, query, key: randomUUID() });
    const init = {
      method: "POST",
      headers: all,
      body,
      duplex: "half",
      signal: this.#options.signal,
    } as const;
    const response = await this.#send(() => new Request(url, init), false);
    if (!response.ok) throw await failureOf(response);
    return schema.parse(parse(await response.text()));
  }

  #request(
    method: string,
    path: string,
    { body, query, headers, key }: CallOptions & { key: string },
  ): Request {
    const url = new URL(path, this.url);
    for (const [name, value] of Object.entries(query ?? {}))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const all = new Headers(headers);
    if (this.#options.token !== undefined) all.set("authorization", `Bearer ${this.#options.token}`);
    if (method !== "GET") all.set("idempotency-key", key);
    if (body !== undefined) all.set("content-type", "application/json");
    return new Request(url, {
      method,
      headers: all,
      signal: this.#options.signal,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  async #send(make: () => Request, first: boolean): Promise<Response> {
    try {
      return await fetch(make());
    } catch (error) {
      this.#options.signal.throwIfAborted();
      // A connection that was cut is asked once more: the key keeps a repeat from doing it twice.
      if (first && causeOf(error) !== "ECONNREFUSED") return fetch(make()).catch(() => this.#absent());
      return this.#absent();
    }
  }

  #absent(): never {
    throw noServer(`No gastown answers at ${this.url}. ${this.#options.hint}`);
  }

  async #pause(retryAfter: string | null, attempt: number): Promise<void> {
    const asked = Number(retryAfter ?? Number.NaN) * 1000;
    const pause = Number.isFinite(asked) ? asked : FIRST_PAUSE_MS * 2 ** (attempt - 1);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(pause, LONGEST_PAUSE_MS));
    const stop = (): void => reject(abortReason(this.#options.signal));
    this.#options.signal.addEventListener("abort", stop, { once: true });
    await promise.finally(() => {
      clearTimeout(timer);
      this.#options.signal.removeEventListener("abort", stop);
    });
  }
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error("aborted");
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && "code" in cause ? String(cause.code) : "";
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function failureOf(response: Response): Promise<GastownError> {
  const parsed = errorAnswer.safeParse(parse(await response.text()));
  if (!parsed.success)
    return new GastownError(
      codeOf(response.status),
      `The server answered ${response.status} ${response.statusText}.`,
    );
  const { code, message, details } = parsed.data.error;
  return new GastownError(
    isErrorCode(code) ? code : codeOf(response.status),
    withIssues(message, details),
    details,
  );
}

function codeOf(status: number): ErrorCode {
  if (status === 401) return "unauthenticated";
  if (status === 403) return "forbidden";
  if (status === 404) return "not_found";
  if (status === 409) return "already_exists";
  return status >= 500 ? "not_ready" : "validation_failed";
}

const issueList = z.object({
  issues: z.array(z.object({ path: z.array(z.union([z.string(), z.number()])), message: z.string() })).min(1),
});

/** A validation error names the fields: without them it does not say what to do. */
function withIssues(message: string, details: Record<string, unknown> | undefined): string {
  const parsed = issueList.safeParse(details);
  if (!parsed.success) return message;
  const issues = parsed.data.issues
    .filter((issue) => !message.includes(issue.message))
    .slice(0, 5)
    .map(({ path, message: text }) => `${path.join(".") || "body"}: ${text}`);
  return issues.length === 0 ? message : `${message} (${issues.join("; ")})`;
}
