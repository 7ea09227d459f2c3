import { isatty } from "node:tty";
import { GastownError } from "@gastown/protocol";
import { z } from "zod";
import type { Run } from "../cli/commands.ts";
import type { ApiClient } from "../cli/client.ts";
import type { Context } from "../cli/context.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { readSecret } from "../cli/read-secret.ts";
import { theRig, theTown } from "../cli/target.ts";

const configAnswer = z.object({
  version: z.int(),
  config: z.record(z.string(), z.unknown()),
  effective: z.record(z.string(), z.object({ value: z.unknown(), source: z.string() })),
});
const changeAnswer = z.object({ version: z.int(), changed: z.array(z.string()) });
const runtimes = z.object({
  items: z.array(z.object({ id: z.string(), installed: z.boolean(), problem: z.string().optional() })),
});

/** The town's settings, or a rig's where one is named. */
async function place(context: Context): Promise<{ api: ApiClient; path: string }> {
  const api = await context.api();
  const town = await theTown(context);
  if (context.options.rig === undefined) return { api, path: `/api/towns/${town.id}/config` };
  const rig = await theRig(context, town.id);
  return { api, path: `/api/towns/${town.id}/rigs/${rig.id}/config` };
}

export const configGet: Run = async (context, [key], options) => {
  const { api, path } = await place(context);
  const answer = await api.get(configAnswer, path);
  if (options["effective"] === true) {
    const shown = Object.entries(answer.effective).filter(([name]) => key === undefined || under(name, key));
    if (shown.length === 0) throw unknownKey(key ?? "");
    context.out.result(Object.fromEntries(shown), () =>
      shown.map(([name, { value, source }]) => `${name} = ${JSON.stringify(value)}  (${source})`).join("\n"),
    );
    return EXIT.done;
  }
  const value = key === undefined ? answer.config : valueAt(answer.config, key);
  const effective = key === undefined ? undefined : answer.effective[key];
  if (
    value === undefined &&
    key !== undefined &&
    !Object.keys(answer.effective).some((name) => under(name, key))
  )
    throw unknownKey(key);
  const known = value ?? effective?.value ?? null;
  context.out.result(known, () => JSON.stringify(known, null, 2));
  return EXIT.done;
};

const under = (name: string, key: string): boolean => name === key || name.startsWith(`${key}.`);

function unknownKey(key: string): GastownError {
  return new GastownError(
    "not_found",
    `There is no setting "${key}". \`gastown config get --effective\` lists all.`,
  );
}

function valueAt(config: Record<string, unknown>, key: string): unknown {
  let value: unknown = config;
  for (const part of key.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.entries(value).find(([name]) => name === part)?.[1];
  }
  return value;
}

/**
 * `key=value …`. `key=-`, and a credential's key alone, take the value from where nobody sees it: a
 * hidden prompt, or standard input (spec/api.md §7).
 */
export const configSet: Run = async (context, pairs, options) => {
  const flagged = options["secret"] === true;
  const settings = pairs.map((pair) => parsePair(pair, flagged));
  const hidden = settings.filter(({ text }) => text === null);
  if (hidden.length > 1 && !isatty(0))
    throw usageError(
      `Standard input holds one value, but ${hidden.map(({ key }) => key).join(", ")} want one.`,
    );
  const { api, path } = await place(context);
  const version = (await api.get(configAnswer, path)).version;
  let patch: Record<string, unknown> = {};
  for (const { key, text } of settings) {
    const value = text === null ? await readSecret(context, key) : parseValue(key, text);
    if (/^(role_)?runtimes?(\.|$)/.test(key)) await requireKnownRuntime(api, value);
    patch = mergeAt(patch, key.split("."), value);
  }
  const whole = await withWholeEnv(api, path, patch);
  const $secret = settings.map(({ key }) => key);
  return change(context, api, path, version, flagged ? { ...whole, $secret } : whole);
};

/** `text` is null where the value is to be read from elsewhere. */
function parsePair(pair: string, flagged: boolean): { key: string; text: string | null } {
  const cut = pair.indexOf("=");
  if (cut === -1 && (flagged || pair.startsWith(CREDENTIALS))) return { key: pair, text: null };
  if (cut < 1) throw usageError(`"${pair}" is not key=value. For example: review.code_review=false.`);
  const key = pair.slice(0, cut);
  const text = pair.slice(cut + 1);
  if (text === "-") return { key, text: null };
  if (flagged || isSecret(key))
    throw usageError(
      `A secret in the command line is seen by every program and stays in the shell's history. Say \`gastown config set ${flagged ? "--secret " : ""}${key}\` and type it, or give it on standard input.`,
    );
  return { key, text };
}

const CREDENTIALS = "credentials.";
const NO_SECRET = /^(github_app\.(id|installation)|gitlab_url|git_username)$/;
const isSecret = (key: string): boolean =>
  key.startsWith(CREDENTIALS) && !NO_SECRET.test(key.slice(CREDENTIALS.length));

export const configUnset: Run = async (context, keys) => {
  const { api, path } = await place(context);
  const { version } = await api.get(configAnswer, path);
  return change(context, api, path, version, { $unset: [...keys] });
};

async function change(
  context: Context,
  api: ApiClient,
  path: string,
  version: number,
  body: Record<string, unknown>,
): Promise<number> {
  const answer = await api.call(changeAnswer, "PATCH", path, {
    body,
    headers: { "if-match": `"cfg-${version}"` },
  });
  context.out.result(
    answer,
    answer.changed.length === 0 ? "Nothing changed." : `Changed: ${answer.changed.join(", ")}`,
  );
  return EXIT.done;
}

/** JSON where it is JSON, else the text as it is; variables and credentials are always text. */
function parseValue(key: string, text: string): unknown {
  if (key.startsWith("env.") || key.startsWith(CREDENTIALS)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function mergeAt(
  into: Record<string, unknown>,
  path: readonly string[],
  value: unknown,
): Record<string, unknown> {
  const [key = "", ...rest] = path;
  if (rest.length === 0) return { ...into, [key]: value };
  const inner = into[key];
  const base =
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner))
      : {};
  return { ...into, [key]: mergeAt(base, rest, value) };
}

/** The server replaces `env` as a whole: one variable is set among those that are there. */
async function withWholeEnv(
  api: ApiClient,
  path: string,
  patch: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const env = z.record(z.string(), z.unknown()).safeParse(patch["env"]);
  if (!env.success) return patch;
  const stored = z
    .record(z.string(), z.unknown())
    .safeParse((await api.get(configAnswer, path)).config["env"]);
  return { ...patch, env: { ...(stored.success ? stored.data : {}), ...env.data } };
}

async function requireKnownRuntime(api: ApiClient, value: unknown): Promise<void> {
  const { items } = await api.get(runtimes, "/api/runtimes");
  const wanted =
    typeof value === "string"
      ? [value]
      : Object.values(z.record(z.string(), z.string()).catch({}).parse(value));
  for (const id of wanted) {
    const found = items.find((one) => one.id === id);
    if (found === undefined)
      throw new GastownError(
        "validation_failed",
        `There is no agent runtime "${id}". Known are: ${items.map((one) => one.id).join(", ")}.`,
      );
    if (!found.installed)
      throw new GastownError(
        "runtime_missing",
        found.problem ?? `The agent runtime "${id}" is not installed on the server's machine.`,
      );
  }
}
