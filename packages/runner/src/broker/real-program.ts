import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync, realpathSync } from "node:fs";
import { delimiter, join } from "node:path";
import { CAPABILITY_ENV, HOST_CONFIG_ENV, PURPOSE_ENV, SOCKET_ENV } from "./messages.ts";

type Env = Record<string, string>;

/** The program that the shim of this name stands before; null: it is not installed. */
export function realProgram(name: string, shims: string): string | null {
  for (const dir of (process.env["PATH"] ?? "").split(delimiter)) {
    if (dir === "" || isSame(dir, shims)) continue;
    try {
      accessSync(join(dir, name), constants.X_OK);
      return join(dir, name);
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

function isSame(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}

/** What the town's programs say to each other; and what could show a token or start another program. */
const OURS = new Set<string>([SOCKET_ENV, CAPABILITY_ENV, PURPOSE_ENV, HOST_CONFIG_ENV]);
const FORGE = /^(GH|GITHUB|GITLAB|GLAB)_/;
const STARTS = /^(PAGER|GIT_PAGER|EDITOR|VISUAL|GIT_EDITOR|BROWSER|DEBUG)$/;

/** This process's environment without any forge's token. */
export function cleanEnv(): Env {
  return pick((name) => !FORGE.test(name));
}

function pick(wanted: (name: string) => boolean): Env {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value !== undefined && wanted(name) ? [[name, value]] : [],
    ),
  );
}

/** As the host's git would run, had nobody told it of the broker. */
export function hostGitEnv(shims: string): Env {
  const count = Number(process.env[HOST_CONFIG_ENV] ?? "0");
  const isOurs = (name: string): boolean => {
    const index = /^GIT_CONFIG_(?:KEY|VALUE)_(\d+)$/.exec(name)?.[1];
    return OURS.has(name) || name === "GIT_CONFIG_COUNT" || (index !== undefined && Number(index) >= count);
  };
  const env = pick((name) => !isOurs(name) && name !== "GIT_DIR" && name !== "GIT_WORK_TREE");
  // A helper of the host may be its own gh, which must not be ours.
  const path = (env["PATH"] ?? "").split(delimiter).filter((dir) => !isSame(dir, shims));
  return {
    ...env,
    PATH: path.join(delimiter),
    GIT_CONFIG_COUNT: String(count),
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "",
    SSH_ASKPASS: "",
  };
}

/** For this one child: its token, its repository, no settings of anybody else, no programs of the agent's. */
export function forgeEnv(
  shims: string,
  program: "gh" | "glab",
  given: { token: string | null; host: string; repository: string | null },
): Env {
  const env = pick((name) => !FORGE.test(name) && !STARTS.test(name) && !OURS.has(name));
  const quiet: Env =
    program === "gh"
      ? { GH_PROMPT_DISABLED: "1", GH_NO_UPDATE_NOTIFIER: "1" }
      : { NO_PROMPT: "1", GLAB_CHECK_UPDATE: "false" };
  if (given.token === null) return { ...env, ...quiet };
  const own = join(shims, "..", `${program}-config`);
  mkdirSync(own, { recursive: true, mode: 0o700 });
  if (program === "glab")
    return { ...env, ...quiet, GLAB_CONFIG_DIR: own, GITLAB_HOST: given.host, GITLAB_TOKEN: given.token };
  const repository: Env = given.repository === null ? {} : { GH_REPO: `${given.host}/${given.repository}` };
  const isPublic = given.host === "github.com";
  return {
    ...env,
    ...quiet,
    ...repository,
    GH_CONFIG_DIR: own,
    GH_HOST: given.host,
    [isPublic ? "GH_TOKEN" : "GH_ENTERPRISE_TOKEN"]: given.token,
  };
}

/** What a program prints, without its last line end; empty when it fails. */
export function ask(
  command: string,
  args: readonly string[],
  options: { env?: Env; input?: string; cwd?: string } = {},
): string {
  const result = spawnSync(command, args, {
    encoding: "utf8",
    env: options.env ?? cleanEnv(),
    stdio: ["pipe", "pipe", "ignore"],
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  return result.status === 0 ? result.stdout.replace(/\n$/, "") : "";
}

/** This process becomes that program: same pid, same signals, and nothing left that knows the token. */
export function become(command: string, args: readonly string[], env: Env): void {
  if (typeof process.execve === "function") process.execve(command, [command, ...args], env);
  const result = spawnSync(command, args, { env, stdio: "inherit" });
  process.exitCode = result.status ?? 1;
}
