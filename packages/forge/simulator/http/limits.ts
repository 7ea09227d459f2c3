/** Requests per window of a token, as both forges count them. A 304 costs nothing on GitHub. */
import type { Token } from "../model/types.ts";
import { ApiError } from "./api-error.ts";

const WINDOW_MS = 60 * 60_000;

/** Starts a new window where the old one is over. */
function renew(token: Token, now: number): Token["limit"] {
  const { limit } = token;
  if (limit !== null && limit.resetsAt <= now) {
    limit.left = limit.perWindow;
    limit.resetsAt = now + WINDOW_MS;
  }
  return limit;
}

export const setLimit = (token: Token, perWindow: number, now: number): void => {
  token.limit = { perWindow, left: perWindow, resetsAt: now + WINDOW_MS };
};

function headersOf(limit: NonNullable<Token["limit"]>, prefix: string): Record<string, string> {
  return {
    [`${prefix}ratelimit-limit`]: String(limit.perWindow),
    [`${prefix}ratelimit-remaining`]: String(limit.left),
    [`${prefix}ratelimit-reset`]: String(Math.ceil(limit.resetsAt / 1000)),
  };
}

/** Refuses who has used all up: 403 on GitHub, 429 on GitLab. */
export function spend(token: Token, forge: "github" | "gitlab", now: number): void {
  const limit = renew(token, now);
  if (limit === null) return;
  if (limit.left > 0) {
    limit.left -= 1;
    return;
  }
  throw forge === "github"
    ? new ApiError(403, "API rate limit exceeded for this token.", headersOf(limit, "x-"))
    : new ApiError(429, "Retry later", {
        ...headersOf(limit, ""),
        "retry-after": String(Math.ceil((limit.resetsAt - now) / 1000)),
      });
}

/** What the answer tells of the limit; a 304 gives its request back. */
export function tell(token: Token, forge: "github" | "gitlab", response: Response): void {
  if (token.limit === null) return;
  if (forge === "github" && response.status === 304) token.limit.left += 1;
  for (const [name, value] of Object.entries(headersOf(token.limit, forge === "github" ? "x-" : "")))
    response.headers.set(name, value);
}
