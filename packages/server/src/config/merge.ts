/** A change of settings: merged per key, then parsed as a whole (spec/api.md §3.13). */
import { FORGE_TOKEN_VARIABLE, GastownError } from "@gastown/protocol";
import { z } from "zod";
import { validationError } from "../http/errors.ts";
import { isObject, type JsonObject } from "./json-object.ts";
import { unmaskEnv } from "./masking.ts";

/** Objects merge; arrays and `env` are replaced as a whole. */
const REPLACED = new Set(["env"]);

const keys = z.array(z.string().min(1).max(210)).max(100).optional();
/** `{…partial config, $unset: ["dotted.key"], $secret: ["env.NAME"]}`. */
export const configPatch = z.looseObject({ $unset: keys, $secret: keys });

export type ConfigPatch = z.output<typeof configPatch>;

/** The stored config after a patch. Throws `unknown_setting`, `validation_failed`, `masked_value_unknown`. */
export function patchConfig<T>(schema: z.ZodType<T>, stored: T, patch: ConfigPatch): T {
  const { $unset, ...changes } = patch;
  let next = mergeObjects(asObject(stored), changes);
  for (const key of $unset ?? []) next = without(next, key.split("."));
  const storedEnv = asObject(stored)["env"];
  assertNoForgeTokens(changes["env"]);
  if (isEnv(next["env"])) next["env"] = unmaskEnv(next["env"], isEnv(storedEnv) ? storedEnv : {});
  return parseConfig(schema, next);
}

/** Throws `unknown_setting`, `validation_failed`; neither repeats a value. */
export function parseConfig<T>(schema: z.ZodType<T>, value: JsonObject): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const unknown = parsed.error.issues.find(({ code }) => code === "unrecognized_keys");
  if (unknown?.code === "unrecognized_keys") {
    const keys = unknown.keys.map((key) => [...unknown.path, key].join("."));
    throw new GastownError(
      "unknown_setting",
      `There is no setting ${keys.join(", ")}. \`gastown config get --effective\` lists all.`,
      { keys },
    );
  }
  throw validationError("config", parsed.error);
}

/** No agent is handed a forge's token (decision 7): as a variable it would be in every process. */
function assertNoForgeTokens(env: unknown): void {
  const name = isObject(env) ? Object.keys(env).find((key) => FORGE_TOKEN_VARIABLE.test(key)) : undefined;
  if (name === undefined) return;
  throw new GastownError(
    "validation_failed",
    `env.${name}: a forge's token is no variable. Set credentials.github_token or credentials.gitlab_token: git, gh and glab get it at the moment of use.`,
    { issues: [{ path: ["env", name], code: "custom", message: "is a forge's token" }] },
  );
}

function mergeObjects(base: JsonObject, changes: JsonObject): JsonObject {
  const merged = { ...base };
  for (const [key, value] of Object.entries(changes)) {
    const before = merged[key];
    merged[key] =
      isObject(value) && isObject(before) && !REPLACED.has(key) ? mergeObjects(before, value) : value;
  }
  return merged;
}

/** Without one key; an object that is empty after it goes as well. */
function without(value: JsonObject, path: readonly string[]): JsonObject {
  const [key, ...rest] = path;
  if (key === undefined || !Object.hasOwn(value, key)) return value;
  const { [key]: inner, ...others } = value;
  if (rest.length === 0 || !isObject(inner)) return rest.length === 0 ? others : value;
  const left = without(inner, rest);
  return Object.keys(left).length === 0 ? others : { ...others, [key]: left };
}

const isEnv = (value: unknown): value is Record<string, string> =>
  isObject(value) && Object.values(value).every((item) => typeof item === "string");

const asObject = (value: unknown): JsonObject => (isObject(value) ? value : {});
