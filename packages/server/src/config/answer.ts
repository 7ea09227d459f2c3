/** Settings as they are read: what is stored, what holds, and where each comes from; secrets masked. */
import {
  rigConfig,
  townConfig,
  type EffectiveConfig,
  type RigConfig,
  type TownConfig,
} from "@gastown/protocol";
import { z } from "zod";
import { canonical } from "../kernel/canonical.ts";
import { flatten, type JsonObject } from "./json-object.ts";
import type { StoredSecret } from "@gastown/town";
import { effectiveCredentials, maskedCredentials, secretsAnswer } from "../credentials/shown.ts";
import { maskEnv } from "./masking.ts";

const WHOLE = new Set(["env"]);

const effective = z.record(
  z.string(),
  z.object({ value: z.unknown(), source: z.enum(["rig", "town", "default"]) }),
);
export const townConfigAnswer = z.object({
  version: z.int(),
  config: townConfig,
  effective,
  secrets: secretsAnswer,
});
export const rigConfigAnswer = z.object({
  version: z.int(),
  config: rigConfig,
  effective,
  secrets: secretsAnswer,
});
export const changeAnswer = z.object({
  version: z.int(),
  changed: z.array(z.string()),
  effects: z.array(z.string()),
});

/** What is stored under another name than what it decides. */
const STORED_AS: Record<string, string[]> = {
  "models.mayor": ["role_models.mayor", "default_model"],
  "models.polecat": ["role_models.polecat", "default_model"],
  "models.refinery": ["role_models.refinery", "default_model"],
  "models.triage": ["role_models.triage", "default_model"],
  "models.small": ["small_model"],
  "role_runtimes.mayor": ["role_runtimes.mayor", "runtime"],
  "role_runtimes.polecat": ["role_runtimes.polecat", "runtime"],
  "role_runtimes.refinery": ["role_runtimes.refinery", "runtime"],
  "role_runtimes.triage": ["role_runtimes.triage", "runtime"],
};

/** The one way out for stored settings: nothing of `env` or `credentials` in the clear. */
export function masked<T extends TownConfig | RigConfig>(config: T, secrets: readonly StoredSecret[]): T {
  const env = config.env === undefined ? {} : { env: maskEnv(config.env) };
  return { ...config, ...env, ...maskedCredentials(secrets) };
}

export function effectiveWithSources(
  value: EffectiveConfig,
  town: TownConfig,
  rig: RigConfig | undefined,
  secrets: { town: readonly StoredSecret[]; rig?: readonly StoredSecret[] },
): z.input<typeof effective> {
  const townKeys = flatten({ ...town }, WHOLE);
  const rigKeys = flatten({ ...rig }, WHOLE);
  const shown = flatten({ ...value, env: maskEnv(value.env) }, WHOLE);
  const settings = Object.fromEntries(
    Object.entries(shown).map(([key, item]) => [
      key,
      { value: item, source: sourceOf(key, townKeys, rigKeys) },
    ]),
  );
  return { ...settings, ...effectiveCredentials(secrets.town, secrets.rig) };
}

function sourceOf(key: string, town: JsonObject, rig: JsonObject): "rig" | "town" | "default" {
  const names = STORED_AS[key] ?? [key];
  if (names.some((name) => Object.hasOwn(rig, name))) return "rig";
  return names.some((name) => Object.hasOwn(town, name)) ? "town" : "default";
}

/** Dotted names of what two configs say differently; never a value. */
export function changedKeys(before: TownConfig | RigConfig, after: TownConfig | RigConfig): string[] {
  const old = flatten({ ...before }, WHOLE);
  const now = flatten({ ...after }, WHOLE);
  const names = new Set([...Object.keys(old), ...Object.keys(now)]);
  return [...names].filter((name) => canonical(old[name]) !== canonical(now[name])).toSorted();
}
