/** What a status of 400 and more means (the table of spec/review.md §4.1). */
import type { ForgeError, ForgeKind } from "@gastown/protocol";

/** GitHub: "wait for at least one minute" where a secondary limit names no time. */
const SECONDARY_WAIT_MS = 60_000;
/** No forge asks for more than its hourly window; a nonsense header must not stop a poll for days. */
const MAX_WAIT_MS = 2 * 60 * 60_000;
const SECONDARY = /secondary rate limit|abuse detection/i;
const LIMITED = /rate limit/i;

const header = (headers: Headers, name: string): string | null =>
  headers.get(`x-${name}`) ?? headers.get(name);

/** Seconds or a date. */
function retryAfter(headers: Headers, now: number): number | null {
  const text = headers.get("retry-after")?.trim();
  if (text === undefined || text === "") return null;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(ms) ? ms : null;
}

/** The end of the window whose requests are used up. */
function limitReset(headers: Headers, now: number): number | null {
  const reset = Number(header(headers, "ratelimit-reset") ?? Number.NaN);
  return Number.isFinite(reset) && reset > 0 ? reset * 1000 - now : null;
}

const usedUp = (headers: Headers): boolean => header(headers, "ratelimit-remaining")?.trim() === "0";

/** The error of an answer. `message` is what its body says, and is only looked at, never kept. */
export function statusError(
  provider: ForgeKind,
  response: { status: number; statusText: string; headers: Headers },
  message: string,
  now: number,
): ForgeError {
  const { status, headers } = response;
  const limited =
    status === 429 ||
    (status === 403 && (usedUp(headers) || headers.has("retry-after") || LIMITED.test(message))) ||
    (status === 403 && SECONDARY.test(message));
  const transient = status >= 500 || limited;
  const wait =
    retryAfter(headers, now) ??
    (limited && usedUp(headers) ? limitReset(headers, now) : null) ??
    (limited && SECONDARY.test(message) ? SECONDARY_WAIT_MS : null);
  return {
    kind: "http_error",
    provider,
    status,
    status_text: response.statusText === "" ? `HTTP ${status}` : response.statusText.slice(0, 100),
    transient,
    ...(transient && wait !== null
      ? { retry_after_ms: Math.round(Math.min(Math.max(wait, 0), MAX_WAIT_MS)) }
      : {}),
  };
}
