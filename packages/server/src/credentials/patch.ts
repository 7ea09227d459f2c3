/**
 * Credentials in a change of settings (spec/api.md §2.9). They leave the change here, are sealed one
 * by one before the town's turn, and are stored in it together with the rest.
 */
import {
  GastownError,
  RIG_CREDENTIAL_KEYS,
  rigCredentials,
  SHOWN_CREDENTIALS,
  TOWN_CREDENTIAL_KEYS,
  townCredentials,
  type CredentialKey,
  type SecretChange,
} from "@gastown/protocol";
import type { StoredSecret } from "@gastown/town";
import { z } from "zod";
import { flatten, isObject, type JsonObject } from "../config/json-object.ts";
import { flaggedNames, isMasked, mask, sealEnv } from "../config/env-secrets.ts";
import { parseConfig, type ConfigPatch } from "../config/merge.ts";
import type { ServerPorts } from "../ports.ts";
import { sealNotifiers, type SealedNotifiers } from "../notify/settings.ts";
import { seal } from "./seal.ts";

export type Level = "town" | "rig";

const KEYS: Record<Level, readonly CredentialKey[]> = {
  town: TOWN_CREDENTIAL_KEYS,
  rig: RIG_CREDENTIAL_KEYS,
};
const SCHEMAS = {
  town: z.strictObject({ credentials: townCredentials }),
  rig: z.strictObject({ credentials: rigCredentials }),
};
const PREFIX = "credentials.";

/** A change of settings whose credentials are sealed. */
export interface SealedPatch {
  /** The other settings. */
  rest: ConfigPatch;
  changes: SecretChange[];
  /** Masked values that were sent back: the stored ones stay. */
  kept: CredentialKey[];
  /** Of the town. */
  notifiers?: SealedNotifiers | undefined;
}

/** Throws `unknown_setting`, `validation_failed`; never repeats a value. */
export async function sealPatch(
  ports: Pick<ServerPorts, "sealingKeys" | "randomBytes">,
  townId: string,
  level: Level,
  { credentials = {}, $unset = [], $secret = [], ...others }: ConfigPatch,
): Promise<SealedPatch> {
  const { notify, env, ...plain } = others;
  const flagged = flaggedNames($secret, env);
  const rest = env === undefined ? plain : { ...plain, env: await sealEnv(ports, townId, env, flagged) };
  // A rig has none: there it stays an unknown setting.
  const notifiers = level === "town" ? await sealNotifiers(ports, townId, notify) : undefined;
  const unknown = level === "rig" && notify !== undefined ? { notify } : {};
  const [own, other] = partition($unset, (key) => `${key}.`.startsWith(PREFIX));
  const sent = isObject(credentials) ? flatten(credentials, NOTHING_WHOLE) : {};
  const isKept = (key: string): key is CredentialKey => isMasked(sent[key]) && isKey(level, key);
  const fresh = isObject(credentials) ? withoutLeaves(credentials, isKept) : credentials;
  const parsed = parseConfig<{ credentials: JsonObject }>(SCHEMAS[level], { credentials: fresh });
  const set = Object.entries(flatten(parsed.credentials, NOTHING_WHOLE)).filter(([key]) => isKey(level, key));
  const sealed = set.map(([key, value]) => sealOne(ports, townId, asKey(level, key), String(value)));
  const removed = own.flatMap((name) => keysBelow(level, name));
  return {
    notifiers,
    rest: { ...rest, ...unknown, ...(other.length === 0 ? {} : { $unset: other }) },
    changes: [...removed.map((key) => ({ key, sealed: null, masked: "" })), ...(await Promise.all(sealed))],
    kept: Object.keys(sent).filter(isKept),
  };
}

export async function sealOne(
  ports: Pick<ServerPorts, "sealingKeys" | "randomBytes">,
  townId: string,
  key: CredentialKey,
  value: string,
): Promise<SecretChange> {
  const sealed = await seal(ports.sealingKeys, ports.randomBytes, { townId, key }, value);
  return { key, sealed, masked: SHOWN_CREDENTIALS.has(key) ? value : mask(value) };
}

/** What the changes come to, given what is stored. Throws `masked_value_unknown`. */
export function changesToStore(
  { changes, kept }: SealedPatch,
  stored: readonly Pick<StoredSecret, "key" | "masked">[],
): SecretChange[] {
  const known = new Map(stored.map(({ key, masked }) => [key, masked]));
  const missing = kept.find((key) => !known.has(key));
  if (missing !== undefined) {
    throw new GastownError(
      "masked_value_unknown",
      `${PREFIX}${missing}: a masked value was sent, but no secret is stored there. Send the secret itself.`,
    );
  }
  return changes.filter(({ key, sealed, masked }) =>
    sealed === null ? known.has(key) : !(SHOWN_CREDENTIALS.has(key) && known.get(key) === masked),
  );
}

const NOTHING_WHOLE: ReadonlySet<string> = new Set();
const isKey = (level: Level, key: string): boolean => KEYS[level].some((known) => known === key);

function asKey(level: Level, key: string): CredentialKey {
  const known = KEYS[level].find((one) => one === key);
  if (known === undefined) throw new GastownError("unknown_setting", `There is no setting ${PREFIX}${key}.`);
  return known;
}

/** `credentials`, `credentials.github_app`, `credentials.github_app.key`. */
function keysBelow(level: Level, name: string): CredentialKey[] {
  return KEYS[level].filter((key) => `${PREFIX}${key}.`.startsWith(`${name}.`));
}

function withoutLeaves(value: JsonObject, isLeft: (key: string) => boolean, prefix = ""): JsonObject {
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => {
      const name = prefix + key;
      if (isObject(item)) return [[key, withoutLeaves(item, isLeft, `${name}.`)]];
      return isLeft(name) ? [] : [[key, item]];
    }),
  );
}

function partition<T>(items: readonly T[], belongs: (item: T) => boolean): [T[], T[]] {
  return [items.filter(belongs), items.filter((item) => !belongs(item))];
}
