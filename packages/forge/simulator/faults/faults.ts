/** Faults on request: the next answers that match are spoiled, or a share of all, by a seeded source. */

export type Fault =
  /** This answer in place of the real one; nothing happens. */
  | { kind: "status"; status: number; headers?: Readonly<Record<string, string>>; body?: string }
  | { kind: "secondary_limit" }
  /** The connection is cut, and nothing has happened. */
  | { kind: "drop" }
  /** It happened, and the connection is cut. */
  | { kind: "lose_answer" }
  /** The answer's text ends in its middle. */
  | { kind: "truncate" }
  /** A page of a proxy, with status 200. */
  | { kind: "malformed" }
  /** It happened, and the answer says something else: values that nobody knows, fields that are gone. */
  | { kind: "rewrite"; change: (body: unknown) => unknown }
  /** Is served when `until` is there; where the client leaves first, nothing happens. */
  | { kind: "slow"; until: Promise<void> }
  /** The connection is cut after `meanwhile`: before it happens (`asked`), or when it has (`done`). */
  | { kind: "interrupt"; moment: "asked" | "done"; meanwhile: () => Promise<void> };

export interface FaultRule {
  readonly method?: string;
  /** Against the path and query, without the origin. */
  readonly path?: RegExp;
  /** How many requests that match it lets pass before. */
  readonly after?: number;
  /** How many requests it spoils; 1 where it is not given. */
  readonly times?: number;
  readonly fault: Fault;
}

/** Numbers in [0, 1), always the same ones for a seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const OF_A_SHARE: readonly Fault[] = [
  { kind: "status", status: 502, body: "<html>Bad Gateway</html>" },
  { kind: "status", status: 503, headers: { "retry-after": "1" } },
  { kind: "drop" },
  { kind: "lose_answer" },
  { kind: "truncate" },
];

export class FaultPlan {
  readonly #rules: { rule: FaultRule; pass: number; left: number }[] = [];
  /** How many requests were spoiled so far. */
  spoiled = 0;
  #share: { fraction: number; random: () => number } | null = null;

  add(rule: FaultRule): void {
    this.#rules.push({ rule, pass: rule.after ?? 0, left: rule.times ?? 1 });
  }

  /** From now on this share of all requests fails, in one of several ways. 0 ends it. */
  share(fraction: number, seed: number): void {
    this.#share = fraction > 0 ? { fraction, random: seededRandom(seed) } : null;
  }

  clear(): void {
    this.#rules.length = 0;
    this.#share = null;
  }

  /** What becomes of this request. */
  next(method: string, path: string): Fault | null {
    const fault = this.#draw(method, path);
    if (fault !== null) this.spoiled += 1;
    return fault;
  }

  #draw(method: string, path: string): Fault | null {
    const found = this.#rules.find(
      ({ rule, left }) => left > 0 && (rule.method ?? method) === method && (rule.path?.test(path) ?? true),
    );
    if (found !== undefined && found.pass > 0) {
      found.pass -= 1;
      return null;
    }
    if (found !== undefined) {
      found.left -= 1;
      return found.rule.fault;
    }
    if (this.#share === null || this.#share.random() >= this.#share.fraction) return null;
    return OF_A_SHARE[Math.floor(this.#share.random() * OF_A_SHARE.length)] ?? null;
  }
}
