/** Secrets in settings, on the way out and back in (spec/api.md §2.9). */
import { GastownError } from "@gastown/protocol";

const SECRET_NAME = /token|secret|password|passwd|key|auth|credential|dsn|private/i;
// cspell:ignore pousr glpat abprs AKIA
const SECRET_VALUE =
  /^(gh[pousr]_|github_pat_|glpat-|gt[al]_|sk-|xox[abprs]-|AKIA[0-9A-Z]{16})|^eyJ[\w-]+\.[\w-]+\.|-----BEGIN [A-Z ]*PRIVATE KEY|^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i;
/** What a reader was shown and sends back. */
const MASKED = /^\*{4}.{0,4}$/;
/** Shorter secrets show nothing of themselves. */
const SHOWS_ENDING = 12;

/** For every reader, owners included. */
export function mask(secret: string): string {
  return secret.length >= SHOWS_ENDING ? `****${secret.slice(-4)}` : "****";
}

export const isMasked = (value: unknown): boolean => typeof value === "string" && MASKED.test(value);

function isSecretEntry(name: string, value: string): boolean {
  return value !== "" && (SECRET_NAME.test(name) || SECRET_VALUE.test(value));
}

type Env = Record<string, string>;

/** For every reader, owners included. */
export function maskEnv(env: Env): Env {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, isSecretEntry(name, value) ? mask(value) : value]),
  );
}

/** A masked value that comes back means the stored one. Throws `masked_value_unknown`. */
export function unmaskEnv(sent: Env, stored: Env): Env {
  return Object.fromEntries(
    Object.entries(sent).map(([name, value]) => {
      if (!MASKED.test(value)) return [name, value];
      const kept = Object.hasOwn(stored, name) ? stored[name] : undefined;
      if (kept === undefined) {
        throw new GastownError(
          "masked_value_unknown",
          `env.${name}: a masked value was sent, but no secret is stored there. Send the secret itself.`,
        );
      }
      return [name, kept];
    }),
  );
}
