/**
 * The server's own storage, beside the towns': login codes, browser sessions and the idempotency
 * of calls that belong to no town. Secrets arrive here hashed. All times are epoch milliseconds.
 */
export interface ServerStore {
  putLoginCode(hash: string, expiresAt: number): void;
  /** True for a code that is known, unused and not expired; it is used from then on. */
  takeLoginCode(hash: string, now: number): boolean;
  putBrowserSession(hash: string, now: number): void;
  /** The session is valid: 30 days since its last use, 90 since the login. Slides it. */
  touchBrowserSession(hash: string, now: number): boolean;
  dropBrowserSession(hash: string): void;
  /** Begins a call with an idempotency key (spec/api.md §1.5). */
  beginCall(call: { principal: string; key: string; fingerprint: string }, now: number): BegunCall;
  /** Keeps the answer of a begun call, or forgets the call (`null`) so that it may run again. */
  endCall(principal: string, key: string, answer: { status: number; body: string } | null): void;
}

export type BegunCall =
  | { type: "begun" }
  | { type: "running" }
  | { type: "other" }
  | { type: "answered"; status: number; body: string };
