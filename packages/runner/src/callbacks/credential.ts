/** The runner's own credential towards its town (spec/runner.md §1), and the one before it. */

/** How long the previous credential stays valid, in milliseconds. */
const PREVIOUS_MS = 60_000;

export class Credential {
  #token: string | null = null;
  #previous: { readonly token: string; readonly until: number } | null = null;
  readonly #known = Promise.withResolvers<void>();

  /** Resolves when there is one: registered, or pushed. */
  get known(): Promise<void> {
    return this.#known.promise;
  }

  get isKnown(): boolean {
    return this.#token !== null;
  }

  /** A new one, for every call that begins from now on. */
  renew(token: string): void {
    if (this.#token !== null && this.#token !== token) this.#keep(this.#token);
    this.#token = token;
    this.#known.resolve();
  }

  /** The registration's. One that was pushed while its answer was on the way is newer. */
  register(token: string): void {
    if (this.#token === null) this.renew(token);
    else if (this.#token !== token) this.#keep(token);
  }

  /** What a call may show: the newest, then for 60 s the one before it. */
  candidates(): string[] {
    const known = [this.#token];
    if (this.#previous !== null && this.#previous.until > performance.now()) known.push(this.#previous.token);
    return known.filter((token) => token !== null);
  }

  #keep(token: string): void {
    this.#previous = { token, until: performance.now() + PREVIOUS_MS };
  }
}
