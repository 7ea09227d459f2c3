/** What every forge of this package is given by its host. */
import type { ResponseCache } from "./transport/response-cache.ts";
import type { TokenSource } from "./token.ts";

export type FetchLike = (url: string, init: RequestInit) => Promise<Response>;

export interface ForgeContext {
  readonly token: TokenSource;
  /** The platform's own where it is not given. */
  readonly fetch?: FetchLike;
  /** After how many milliseconds without an answer a request is lost; 30,000 where it is not given. */
  readonly timeoutMs?: number;
  /** Milliseconds since 1970, to read the dates of `Retry-After`; `Date.now` where it is not given. */
  readonly now?: () => number;
  /** Answers that a conditional request may confirm. One per forge where it is not given. */
  readonly cache?: ResponseCache;
}
