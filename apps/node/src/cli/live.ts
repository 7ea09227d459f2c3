import { CLOSE_CODES, GastownError, LIVE_PROTOCOL, liveFrame, type LiveFrame } from "@gastown/protocol";
import { z } from "zod";
import type { ApiClient } from "./client.ts";
import { CommandError, EXIT, noServer } from "./failure.ts";
import { interruption } from "./interrupt.ts";

const ticketAnswer = z.object({ ticket: z.string(), url: z.string() });
/** A server that restarts is back sooner. */
const RECONNECTS = 8;
const FIRST_PAUSE_MS = 100;

export interface LiveOptions {
  readonly townId: string;
  /** The newest `seq` that is known already; without it the feed begins with a snapshot. */
  readonly after?: number;
  /** Topics besides the town itself, with the last transcript `seq` that is known of each. */
  readonly topics?: Topics;
  readonly signal: AbortSignal;
}

/** What a feed is subscribed to; more may be added while it runs. */
export class Topics {
  readonly #known = new Map<string, number>();
  #socket: WebSocket | undefined;

  /** `session:<id>` or `log:<id>`; items, or lines, up to `after` are known already. */
  add(topic: string, after: number): void {
    if (this.#known.has(topic)) return;
    this.#known.set(topic, after);
    this.#subscribe(topic, after);
  }

  /** Used by the feed: this connection from now on. */
  attach(socket: WebSocket): void {
    this.#socket = socket;
    for (const [topic, after] of this.#known) this.#subscribe(topic, after);
  }

  /** Used by the feed: so far the topic was shown. */
  shown(topic: string, seq: number): void {
    this.#known.set(topic, seq);
  }

  #subscribe(topic: string, after: number): void {
    if (this.#socket?.readyState === WebSocket.OPEN)
      this.#socket.send(JSON.stringify({ type: "subscribe", topic, after }));
  }
}

/**
 * The town's live feed (spec/api.md §5), until the caller stops reading. Connects again by itself,
 * from the last `seq` and with a new ticket, so no event is lost or shown twice.
 */
export async function* liveFrames(
  api: ApiClient,
  options: LiveOptions,
): AsyncGenerator<LiveFrame, void, void> {
  const { signal, topics } = options;
  let after = options.after;
  for (let failures = 0; ;) {
    const connection = await open(api, options, after);
    try {
      for await (const frame of connection.frames) {
        failures = 0;
        if (frame.type === "event") after = frame.entry.seq;
        else if (frame.type === "hello") after ??= frame.seq;
        else if (frame.type === "transcript") topics?.shown(frame.topic, frame.item.seq);
        else if (frame.type === "log") topics?.shown(frame.topic, frame.from + frame.lines.length);
        yield frame;
      }
    } finally {
      connection.close();
    }
    signal.throwIfAborted();
    refuseFinal(connection.closeCode());
    failures += 1;
    if (failures > RECONNECTS) throw noServer(`The live feed of ${api.url} was lost and did not come back.`);
    await pause(FIRST_PAUSE_MS * 2 ** failures, signal);
  }
}

/** Close codes after which connecting again is of no use. */
function refuseFinal(code: number): void {
  if (code === CLOSE_CODES.accessGone)
    throw new GastownError(
      "unauthenticated",
      "The server ended the live feed: this login is not valid any more.",
    );
  if (code === CLOSE_CODES.townDeleted) throw new GastownError("not_found", "The town was deleted.");
  if (code === CLOSE_CODES.protocolError)
    throw new GastownError("internal", "The server refused the live feed. Are both of the same version?");
}

interface Connection {
  readonly frames: AsyncIterable<LiveFrame>;
  closeCode(): number;
  close(): void;
}

async function open(api: ApiClient, options: LiveOptions, after: number | undefined): Promise<Connection> {
  const { url } = await api.post(ticketAnswer, `/api/towns/${options.townId}/tickets`);
  const address = new URL(url, api.url.replace(/^http/, "ws"));
  if (after !== undefined) address.searchParams.set("after", String(after));
  const socket = new WebSocket(address, LIVE_PROTOCOL);
  const inbox = new Inbox<LiveFrame>();
  let closeCode = 0;
  socket.addEventListener("open", () => options.topics?.attach(socket));
  socket.addEventListener("message", (event) => {
    const frame = parseFrame(event.data);
    // A frame of a newer server is skipped: what it tells is also in the reads.
    if (frame !== undefined) inbox.push(frame);
  });
  socket.addEventListener("close", (event) => {
    closeCode = event.code;
    inbox.end();
  });
  const stop = (): void => {
    socket.close();
    inbox.end();
  };
  options.signal.addEventListener("abort", stop, { once: true });
  return {
    frames: inbox,
    closeCode: () => closeCode,
    close: () => {
      options.signal.removeEventListener("abort", stop);
      socket.close();
    },
  };
}

function parseFrame(data: unknown): LiveFrame | undefined {
  try {
    return liveFrame.parse(JSON.parse(String(data)));
  } catch {
    return undefined;
  }
}

/** Values that arrive by themselves, to be read one after the other by one reader. */
class Inbox<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  push(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) yield item;
      else if (this.#ended) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
  signal.throwIfAborted();
}

export interface WaitOptions<T> {
  readonly townId: string;
  readonly signal: AbortSignal;
  /** In milliseconds; undefined: for ever. */
  readonly timeoutMs: number | undefined;
  /** The value that is waited for, or undefined while it is not there. */
  read(): Promise<T | undefined>;
  /** Said when the time is over. */
  timeoutMessage(): string;
  onFrame?(frame: LiveFrame): void;
}

/**
 * Reads now and after every event of the town until there is a value. The feed is open before the
 * first read, so nothing that happens between them is missed. Throws exit code 7 at the time limit.
 */
export async function waitFor<T>(api: ApiClient, options: WaitOptions<T>): Promise<T> {
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  const timer =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(
          () => ended.abort(new CommandError(EXIT.waitEnded, "timeout", options.timeoutMessage())),
          options.timeoutMs,
        );
  try {
    for await (const frame of liveFrames(api, { townId: options.townId, signal })) {
      options.onFrame?.(frame);
      if (frame.type !== "hello" && frame.type !== "event") continue;
      const value = await options.read();
      if (value !== undefined) return value;
    }
    throw interruption();
  } finally {
    clearTimeout(timer);
  }
}
