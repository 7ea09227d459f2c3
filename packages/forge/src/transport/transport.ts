/**
 * The one way out to a forge. Its `fetch` is handed to the client libraries: it adds the token of
 * this moment, bounds the wait, asks conditionally, follows redirects without taking the token to
 * another origin, and throws a `ForgeFailure` for everything that is not a success. It never asks
 * twice by itself: the town's budgets count real answers.
 */
import type { ForgeKind } from "@gastown/protocol";
import type { FetchLike, ForgeContext } from "../context.ts";
import { ForgeFailure } from "../failure.ts";
import { networkError, timeoutError } from "./network-error.ts";
import { createResponseCache, type ResponseCache } from "./response-cache.ts";
import { statusError } from "./status-error.ts";

const TIMEOUT_MS = 30_000;
const MAX_REDIRECTS = 3;

/** What both client libraries call in place of the platform's `fetch`. */
export type SendRequest = (url: string, init?: RequestInit) => Promise<Response>;

export interface Transport {
  /** A `fetch` for one call, which ends with the caller's `signal` by throwing its reason. */
  sender(signal: AbortSignal): SendRequest;
}

interface Sending {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body: RequestInit["body"];
}

/** A body that breaks off is a failure of the network, so it is read here. */
interface Exchanged {
  readonly response: Response;
  readonly text: string;
}

function messageOf(text: string): { body: unknown; message: string } {
  try {
    const body: unknown = JSON.parse(text);
    return { body, message: text.slice(0, 4000) };
  } catch {
    return { body: undefined, message: text.slice(0, 4000) };
  }
}

export function createTransport(provider: ForgeKind, context: ForgeContext): Transport {
  const fetch: FetchLike = context.fetch ?? globalThis.fetch;
  const timeoutMs = context.timeoutMs ?? TIMEOUT_MS;
  const now = context.now ?? Date.now;
  const cache = context.cache ?? createResponseCache();

  async function exchange(sending: Sending, signal: AbortSignal): Promise<Exchanged> {
    const late = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(sending.url.href, {
        method: sending.method,
        headers: sending.headers,
        body: sending.body ?? null,
        redirect: "manual",
        signal: AbortSignal.any([signal, late]),
      });
      return { response, text: await response.text() };
    } catch (thrown) {
      signal.throwIfAborted();
      throw new ForgeFailure(late.aborted ? timeoutError(provider) : networkError(provider, thrown));
    }
  }

  async function follow(first: Sending, signal: AbortSignal): Promise<Exchanged> {
    let sending = first;
    for (let hops = 0; ; hops += 1) {
      const exchanged = await exchange(sending, signal);
      const next = redirected(sending, exchanged.response);
      if (next === null || hops === MAX_REDIRECTS) return exchanged;
      sending = next;
    }
  }

  return {
    sender: (signal) => async (url, init) => {
      const token = await context.token(signal);
      signal.throwIfAborted();
      if (!token.ok) throw new ForgeFailure({ kind: "no_token", provider, tried: [...token.tried] });
      const headers = new Headers(init?.headers);
      headers.set("authorization", `Bearer ${token.token}`);
      const sending: Sending = {
        url: new URL(url),
        method: init?.method ?? "GET",
        headers,
        body: init?.body,
      };
      const remembered = condition(cache, sending);
      const { response, text } = await follow(sending, signal);
      if (response.status === 304 && remembered !== undefined)
        return new Response(remembered.body, { status: 200, headers: remembered.headers.map((h) => [...h]) });
      if (!response.ok) {
        const { body, message } = messageOf(text);
        throw new ForgeFailure(statusError(provider, response, message, now()), body);
      }
      remember(cache, sending, response, text);
      return received(response, text);
    },
  };
}

/** The answer again, with its body read: what described its bytes on the wire no longer holds. */
function received(response: Response, text: string): Response {
  const headers = new Headers(response.headers);
  headers.delete("content-encoding");
  headers.delete("content-length");
  const { status, statusText } = response;
  return new Response([204, 205].includes(status) ? null : text, { status, statusText, headers });
}

/** The same representation: one url may answer in several media types. */
const cacheKey = (sending: Sending): string => `${sending.headers.get("accept") ?? ""} ${sending.url.href}`;

function condition(cache: ResponseCache, sending: Sending): ReturnType<ResponseCache["get"]> {
  if (sending.method !== "GET") return undefined;
  const remembered = cache.get(cacheKey(sending));
  if (remembered !== undefined) sending.headers.set("if-none-match", remembered.etag);
  return remembered;
}

function remember(cache: ResponseCache, sending: Sending, response: Response, text: string): void {
  const etag = response.headers.get("etag");
  if (sending.method !== "GET" || etag === null) return;
  const kept = ["content-type", "link", "etag"].flatMap((name): [string, string][] => {
    const value = response.headers.get(name);
    return value === null ? [] : [[name, value]];
  });
  cache.set(cacheKey(sending), { etag, body: text, headers: kept });
}

/** Where it goes on, or null. Only a GET leaves its origin, and never with the token. */
function redirected(from: Sending, response: Response): Sending | null {
  const location = response.headers.get("location");
  if (![301, 302, 303, 307, 308].includes(response.status) || location === null) return null;
  if (!URL.canParse(location, from.url.href)) return null;
  const url = new URL(location, from.url);
  if (from.method !== "GET" && ![307, 308].includes(response.status)) return null;
  if (url.origin === from.url.origin) return { ...from, url };
  if (from.method !== "GET" || !["https:", from.url.protocol].includes(url.protocol)) return null;
  const headers = new Headers(from.headers);
  headers.delete("authorization");
  headers.delete("if-none-match");
  return { ...from, url, headers };
}
