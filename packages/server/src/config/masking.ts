/** `env` settings on the way out and back in (spec/api.md §2.9). */
import { GastownError } from "@gastown/protocol";
import { isMasked, isSecretEntry, mask, sealedMask } from "./env-secrets.ts";

type Env = Record<string, string>;

/** For every reader, owners included. */
export function maskEnv(env: Env): Env {
  const shown = (name: string, value: string): string =>
    sealedMask(value) ?? (isSecretEntry(name, value) ? mask(value) : value);
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, shown(name, value)]));
}

/** A masked value that comes back means the stored one. Throws `masked_value_unknown`. */
export function unmaskEnv(sent: Env, stored: Env): Env {
  return Object.fromEntries(
    Object.entries(sent).map(([name, value]) => {
      if (!isMasked(value)) return [name, value];
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
