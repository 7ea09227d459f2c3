/** How a forge gets the token of one request (spec/review.md §4.2). The chain itself is in `tokens/`. */

export type ForgeToken =
  | { ok: true; token: string; source: string }
  /** What was looked at, in order, each with why it gave nothing. */
  | { ok: false; tried: readonly string[] };

/** Asked before every request and never remembered, so a rotated token counts at once. */
export type TokenSource = (signal: AbortSignal) => Promise<ForgeToken>;
