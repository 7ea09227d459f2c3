/**
 * One client of MCP's older transport (HTTP+SSE, 2024-11-05): it reads a stream, whose first event names
 * the endpoint that it posts to, and every answer comes as a `message` event. A client whose stream breaks off
 * connects again by itself, as a new one, and what it waited for is lost. Bun ends a stream on which nothing
 * came for five minutes (measured with Kilo 7.7.7: 295 s), so something comes sooner.
 */
import type { SetTimer } from "../options.ts";
import type { RequestId } from "./message.ts";

/** How long nothing may come, in milliseconds. */
export const KEEP_ALIVE_MS = 120_000;

export interface StreamOptions {
  /** The path to which its client posts. */
  readonly endpoint: string;
  readonly setTimer: SetTimer;
  /** Its client has gone, or it was ended. */
  readonly onEnd: () => void;
}

export class Stream {
  /** What its client reads. */
  readonly body: ReadableStream<Uint8Array>;
  /** What its client asked and has no answer to, to be cut off. */
  readonly underWay: Map<RequestId, AbortController> = new Map();
  readonly #options: StreamOptions;
  readonly #over = new AbortController();
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #stopTimer: (() => void) | null = null;

  constructor(options: StreamOptions) {
    this.#options = options;
    this.body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
        this.#write(eventOf("endpoint", options.endpoint));
      },
      cancel: () => this.#finish(),
    });
  }

  /** Aborts at its end. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Nothing after its end. */
  send(text: string): void {
    this.#write(eventOf("message", text));
  }

  end(): void {
    this.#controller?.close();
    this.#finish();
  }

  #write(text: string): void {
    if (this.#controller === null) return;
    this.#controller.enqueue(new TextEncoder().encode(text));
    this.#stopTimer?.();
    this.#stopTimer = this.#options.setTimer(KEEP_ALIVE_MS, () => this.#write(":\n\n"));
  }

  #finish(): void {
    if (this.#over.signal.aborted) return;
    this.#controller = null;
    this.#stopTimer?.();
    this.#over.abort(new Error("The stream of the tools has ended."));
    this.#options.onEnd();
  }
}

function eventOf(name: string, data: string): string {
  const lines = data.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`);
  return `event: ${name}\n${lines.join("")}\n`;
}
