/** Credentials as they are read: names, masks, and who uses them; never one of them in the clear. */
import { RIG_CREDENTIAL_KEYS, TOWN_CREDENTIAL_KEYS, type Rig } from "@gastown/protocol";
import type { StoredSecret } from "@gastown/town";
import { z } from "zod";
import { isObject, type JsonObject } from "../config/json-object.ts";

export const secretsAnswer = z.record(
  z.string(),
  z.object({ masked: z.string(), changedAt: z.string(), changedBy: z.string(), usedBy: z.array(z.string()) }),
);

/** `{github_app: {id: "****"}}`; undefined without any, so that nothing is invented. */
export function maskedCredentials(stored: readonly StoredSecret[]): { credentials?: JsonObject } {
  const credentials: JsonObject = {};
  for (const { key, masked } of stored) put(credentials, key.split("."), masked);
  return stored.length === 0 ? {} : { credentials };
}

function put(into: JsonObject, [key = "", ...rest]: readonly string[], value: string): void {
  if (rest.length === 0) {
    into[key] = value;
    return;
  }
  const before = into[key];
  const inner = isObject(before) ? before : {};
  into[key] = inner;
  put(inner, rest, value);
}

const PREFIX_OF: Record<Rig["forge"], string> = { github: "github_", gitlab: "gitlab_", git: "git_" };

/** `usedBy`: names of the rigs whose forge the credential is for. */
export function secretsShown(
  stored: readonly StoredSecret[],
  rigs: readonly Pick<Rig, "name" | "forge">[],
): z.output<typeof secretsAnswer> {
  return Object.fromEntries(
    stored.map(({ key, masked, changedAt, changedBy }) => {
      const isUser = ({ forge }: Pick<Rig, "forge">): boolean => key.startsWith(PREFIX_OF[forge]);
      const usedBy = rigs.filter(isUser).map(({ name }) => name);
      return [`credentials.${key}`, { masked, changedAt, changedBy, usedBy }];
    }),
  );
}

interface Shown {
  value: unknown;
  source: "rig" | "town" | "default";
}

/** Every credential that could be set, with what is. */
export function effectiveCredentials(
  town: readonly StoredSecret[],
  rig: readonly StoredSecret[] | undefined,
): Record<string, Shown> {
  const keys = rig === undefined ? TOWN_CREDENTIAL_KEYS : [...TOWN_CREDENTIAL_KEYS, ...RIG_CREDENTIAL_KEYS];
  return Object.fromEntries(
    keys.map((key): [string, Shown] => {
      const ofRig = rig?.find((one) => one.key === key);
      const found = ofRig ?? town.find((one) => one.key === key);
      const source = ofRig !== undefined ? "rig" : found !== undefined ? "town" : "default";
      return [`credentials.${key}`, { value: found?.masked ?? null, source }];
    }),
  );
}
