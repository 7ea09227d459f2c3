/**
 * A seeded source of chance. Each part of a simulation draws from a fork of its own, so that what one
 * part draws never shifts what another one gets: switching a fault off leaves the rest as it was.
 */
export class Random {
  #state: number;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed | 0;
    this.#state = seed | 0;
  }

  /** A source that depends on this one's seed and the label, and on nothing that was drawn. */
  fork(label: string): Random {
    let hash = this.#seed ^ 0x9e3779b9;
    for (let i = 0; i < label.length; i++)
      hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193) ^ (hash >>> 13);
    return new Random(hash);
  }

  /** In [0, 1); mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * (high - low + 1));
  }

  /** Mostly near `low`, at times up to `high`: how long things take. */
  skewed(low: number, high: number): number {
    return low + Math.floor((high - low) * this.next() ** 4);
  }

  pick<const T>(values: readonly [T, ...T[]]): T {
    return values[Math.floor(this.next() * values.length)] ?? values[0];
  }

  pickFrom<T>(values: readonly T[]): T | undefined {
    return values[Math.floor(this.next() * values.length)];
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => Math.floor(this.next() * 256));
  }
}
