/** The one launch spec (spec/runner.md §3): pure, and the key of the process pool. */
import { createHash } from "node:crypto";
import { delimiter } from "node:path";
import { FORGE_TOKEN_VARIABLE } from "@gastown/protocol";
import type { PermissionPolicy, Role } from "@gastown/protocol";
import { agentConfig } from "./agent-config.ts";
import type { ResolvedRuntime } from "./resolve-runtime.ts";

export interface LaunchInput {
  readonly resolved: ResolvedRuntime;
  readonly role: Role;
  readonly system: string;
  /** All roles that may share the process, its own among them or not. */
  readonly modes: readonly { readonly role: Role; readonly system: string }[];
  /** Part of the spec only for a runtime that cannot choose it in an open conversation. */
  readonly model: string | null;
  readonly smallModel: string | null;
  readonly permission: PermissionPolicy;
  /** The town's `env` settings. */
  readonly townEnv: Readonly<Record<string, string>>;
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
  readonly townId: string;
  readonly apiUrl: string;
  /** What comes first in PATH, and git's settings with it; null: git and gh as the host has them. */
  readonly shims: { readonly dir: string; readonly gitConfig: readonly (readonly [string, string])[] } | null;
  /** Directory of the process itself; sessions have their own. */
  readonly cwd: string;
}

export interface LaunchSpec {
  readonly runtime: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

const PROXY = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"];
const HOST_ENV = `PATH HOME USER LOGNAME LANG LC_ALL LC_CTYPE TZ TMPDIR
   XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME
   SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS`
  .split(/\s+/)
  .concat(
    PROXY,
    PROXY.map((name) => name.toLowerCase()),
  );

const RESERVED = /^(GASTOWN_|GIT_|LD_)|^(PATH|HOME|PWD|SHELL|TMPDIR)$/;

function takeAllowed(hostEnv: LaunchInput["hostEnv"], allow: readonly string[]): Record<string, string> {
  const taken: Record<string, string> = {};
  for (const [name, value] of Object.entries(hostEnv)) {
    const wanted = allow.some((rule) =>
      rule.endsWith("*") ? name.startsWith(rule.slice(0, -1)) : name === rule,
    );
    if (wanted && value !== undefined) taken[name] = value;
  }
  return taken;
}

function withoutReserved(townEnv: Readonly<Record<string, string>>): Record<string, string> {
  const isOpen = (name: string): boolean => !RESERVED.test(name) && !FORGE_TOKEN_VARIABLE.test(name);
  return Object.fromEntries(Object.entries(townEnv).filter(([name]) => isOpen(name)));
}

/** Environment of commands that the town's settings name: no login of any agent is in it. */
export function commandEnv(
  hostEnv: LaunchInput["hostEnv"],
  townEnv: Readonly<Record<string, string>>,
): Record<string, string> {
  return { ...takeAllowed(hostEnv, HOST_ENV), ...withoutReserved(townEnv) };
}

/**
 * The environment begins empty (spec/runner.md §3): host's allow-list, the runtime's own, the
 * town's settings, fixed flags, and last what nobody may override.
 */
export function launchSpec(input: LaunchInput): LaunchSpec {
  const { runtime, command, args, env: overrideEnv } = input.resolved;
  const env: Record<string, string> = {
    ...takeAllowed(input.hostEnv, [...HOST_ENV, ...runtime.env]),
    ...withoutReserved(input.townEnv),
    ...runtime.flags,
    ...overrideEnv,
    GASTOWN_TOWN_ID: input.townId,
    GASTOWN_API_URL: input.apiUrl,
  };
  if (input.shims !== null) Object.assign(env, shimEnv(input.shims, env["PATH"]));
  if (runtime.configVariable !== null) {
    env[runtime.configVariable] = agentConfig(input, env[runtime.configVariable]);
  }
  reachRunner(env);
  const { modelBy } = runtime;
  if (modelBy === null || input.model === null)
    return { runtime: runtime.id, command, args: [...args], env, cwd: input.cwd };
  const model = input.model;
  if (modelBy.env !== undefined) env[modelBy.env] = model;
  const modelArgs = (modelBy.args ?? []).map((arg) => arg.replaceAll("{model}", model));
  return { runtime: runtime.id, command, args: [...args, ...modelArgs], env, cwd: input.cwd };
}

/** Its tools are at this runner (`../tools/relay.ts`), whatever proxy stands before the rest of the world. */
function reachRunner(env: Record<string, string>): void {
  if (!Object.keys(env).some((name) => /^(http|https|all)_proxy$/i.test(name))) return;
  const known = ["NO_PROXY", "no_proxy"].filter((name) => env[name] !== undefined);
  for (const name of known.length === 0 ? ["NO_PROXY"] : known)
    env[name] = [env[name], "127.0.0.1"].filter(Boolean).join(",");
}

/** The same for every session of this runner: which one asks is told by its directory. */
function shimEnv({ dir, gitConfig }: NonNullable<LaunchInput["shims"]>, path = ""): Record<string, string> {
  const settings = gitConfig.flatMap(([key, value], i): [string, string][] => [
    [`GIT_CONFIG_KEY_${i}`, key],
    [`GIT_CONFIG_VALUE_${i}`, value],
  ]);
  return {
    PATH: [dir, path].filter((part) => part !== "").join(delimiter),
    GIT_CONFIG_COUNT: String(gitConfig.length),
    ...Object.fromEntries(settings),
  };
}

/** Equal specs have equal keys, whatever the order in which their variables were set. */
export function specKey(spec: LaunchSpec): string {
  const env = Object.entries(spec.env).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([spec.runtime, spec.command, spec.args, spec.cwd, env]))
    .digest("hex");
}
