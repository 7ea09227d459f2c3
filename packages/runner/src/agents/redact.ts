const HIDDEN = "[secret]";
const BEARER = /\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi;
const KNOWN_TOKENS =
  /\b(sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|glpat-[A-Za-z0-9_-]{16,}|eyJ[\w-]+\.[\w-]+\.[\w-]+)/g;
const MAX_PASSING = 64;
const SECRET_NAME = /KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|DSN|PRIVATE/i;

/** Takes known secrets, and what looks like one, out of text that leaves the runner. */
export class Redactor {
  readonly #secrets = new Set<string>();
  #passing: string[] = [];

  /** Short values would blank out ordinary words, so they are not taken. */
  add(secret: string): void {
    if (secret.length >= 8) this.#secrets.add(secret);
  }

  /** One that soon counts no more: only the newest are remembered. */
  addPassing(secret: string): void {
    if (this.#passing.includes(secret)) return;
    this.#passing = [secret, ...this.#passing].slice(0, MAX_PASSING);
  }

  addEnv(env: Readonly<Record<string, string | undefined>>): void {
    for (const [name, value] of Object.entries(env))
      if (value !== undefined && SECRET_NAME.test(name)) this.add(value);
  }

  /** Takes known secrets out of what was said and done; what only looks like one may be prose. */
  hide(data: Readonly<Record<string, unknown>>): Record<string, unknown> {
    return Object.fromEntries(Object.entries(data).map(([key, part]) => [key, this.#hidden(part)]));
  }

  #hidden(value: unknown): unknown {
    if (typeof value === "string") return this.#known(value);
    if (Array.isArray(value)) return value.map((part) => this.#hidden(part));
    return typeof value === "object" && value !== null ? this.hide({ ...value }) : value;
  }

  #known(text: string): string {
    let cleaned = text;
    for (const secret of [...this.#secrets, ...this.#passing]) cleaned = cleaned.replaceAll(secret, HIDDEN);
    return cleaned;
  }

  clean(text: string): string {
    return this.#known(text).replace(BEARER, `$1 ${HIDDEN}`).replace(KNOWN_TOKENS, HIDDEN);
  }
}
