/**
 * The town's tools as one session's agent is given them: an address of this runner and a bearer that is of
 * use nowhere else. The session's token stays here, and is the newest one with every call (decision 7).
 */
import { randomBytes } from "node:crypto";
import { ensureError, GastownError } from "@gastown/protocol";
import type { McpTransport } from "../agents/runtimes.ts";
import type { SetTimer } from "../options.ts";
import { failureOf, readMessage } from "./message.ts";
import type { Message, RequestId } from "./message.ts";
import { Stream } from "./stream.ts";
import { callTown } from "./town-call.ts";
import type { TownAnswer, TownEndpoint } from "./town-call.ts";

export interface SessionToolsOptions {
  readonly sessionId: string;
  readonly transport: McpTransport;
  /** The session's endpoint at the town, with its token as it is now. */
  readonly endpoint: () => TownEndpoint;
  /** How long the town may be away, in milliseconds. */
  readonly patienceMs: number;
  readonly setTimer: SetTimer;
}

export interface Posted {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
  /** Aborts when the agent does not wait for the answer any more. */
  readonly gone: AbortSignal;
}

/** Without it the town refuses a message (406), and clients of the older transport do not say it. */
const ACCEPT = "application/json, text/event-stream";
const NOTHING = { contentType: null, body: Buffer.alloc(0) };
const ACCEPTED: TownAnswer = { status: 202, ...NOTHING };
/** For what has no number, to which no answer can be given. */
const NOT_TAKEN: TownAnswer = { status: 502, ...NOTHING };

export class SessionTools {
  readonly bearer: string = randomBytes(32).toString("base64url");
  readonly #options: SessionToolsOptions;
  readonly #over = new AbortController();
  readonly #underWay = new Map<RequestId, AbortController>();
  readonly #streams = new Map<string, Stream>();

  constructor(options: SessionToolsOptions) {
    this.#options = options;
  }

  get sessionId(): string {
    return this.#options.sessionId;
  }

  get transport(): McpTransport {
    return this.#options.transport;
  }

  /** Aborts when they are taken away. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** One message, and the town's answer as it is. */
  post({ body, headers, gone }: Posted): Promise<TownAnswer> {
    return this.#answer(readMessage(body), { body, headers, gone }, this.#underWay);
  }

  /** A stream for a client that connects; `path`: where it posts to, by the stream's id. */
  connect(path: (id: string) => string): ReadableStream<Uint8Array> {
    const id = randomBytes(16).toString("base64url");
    const onEnd = (): void => void this.#streams.delete(id);
    const stream = new Stream({ endpoint: path(id), setTimer: this.#options.setTimer, onEnd });
    this.#streams.set(id, stream);
    return stream.body;
  }

  /** One message of a stream's client, whose answer comes there. @throws GastownError `not_found` */
  postTo(streamId: string, { body, headers }: Omit<Posted, "gone">): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined)
      throw new GastownError("not_found", "This stream has ended. Open it again, and post to its endpoint.");
    const asked = { ...headers, accept: ACCEPT };
    void this.#answerOn(stream, readMessage(body), { body, headers: asked, gone: stream.signal });
  }

  /** Nothing of it goes on: the session is over, or its agent is. */
  close(): void {
    this.#over.abort(new GastownError("session_fenced", "This session is over."));
    for (const stream of this.#streams.values()) stream.end();
  }

  async #answerOn(stream: Stream, message: Message, posted: Posted): Promise<void> {
    const text = asMessage(message, await this.#answer(message, posted, stream.underWay));
    if (text !== null) stream.send(text);
  }

  /** Never throws: what it cannot get is an answer too. */
  async #answer(
    message: Message,
    { body, headers, gone }: Posted,
    underWay: Map<RequestId, AbortController>,
  ): Promise<TownAnswer> {
    if (message.cancels !== null) {
      underWay.get(message.cancels)?.abort();
      return ACCEPTED;
    }
    const cancelled = new AbortController();
    if (message.id !== null) underWay.set(message.id, cancelled);
    const { endpoint, patienceMs } = this.#options;
    const { isRepeatable } = message;
    const signal = AbortSignal.any([this.signal, gone, cancelled.signal]);
    try {
      return await callTown({ endpoint, body, headers, isRepeatable, patienceMs, signal });
    } catch (thrown) {
      // Who took it back, or is gone, hears no more of it.
      if (signal.aborted && !this.signal.aborted) return ACCEPTED;
      if (message.id === null) return NOT_TAKEN;
      const { code, message: text } = ensureError(thrown);
      return json(200, failureOf(message, code, text));
    } finally {
      if (message.id !== null && underWay.get(message.id) === cancelled) underWay.delete(message.id);
    }
  }
}

function json(status: number, text: string): TownAnswer {
  return { status, contentType: "application/json", body: Buffer.from(text) };
}

/** An answer as the older transport has it: only messages; null: nobody waits for one. */
function asMessage(message: Message, { status, body }: TownAnswer): string | null {
  if (status >= 200 && status < 300) return body.length === 0 ? null : body.toString("utf8");
  if (message.id === null) return null;
  return failureOf(message, "runner_error", `The town refused this (${status}): ${body.toString("utf8")}`);
}
