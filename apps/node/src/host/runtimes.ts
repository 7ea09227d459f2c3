import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { GastownError } from "@gastown/protocol";
import { detectRuntimes, RUNTIMES, type DetectedRuntime, type Runtime } from "@gastown/runner";
import type { RuntimeInfo } from "@gastown/server";
import { selfCommand } from "./self.ts";

const SCRIPTED = "scripted";

/** Every agent runtime that this gastown knows, and whether this machine has it. */
export function detected(env: NodeJS.ProcessEnv): Promise<DetectedRuntime[]> {
  return detectRuntimes({ path: env["PATH"] ?? "", env, scripted: scriptedCommand() });
}

export async function listRuntimes(env: NodeJS.ProcessEnv): Promise<RuntimeInfo[]> {
  return (await detected(env)).map((one) => ({
    id: one.id,
    title: one.title,
    installed: one.installed,
    loggedIn: one.installed && one.problem === null,
    ...(one.version === null ? {} : { version: one.version }),
    ...(one.problem === null ? {} : { problem: one.problem }),
  }));
}

/**
 * The runtime of towns that name none: the wanted one, which must be known and installed, else the
 * first real one that this machine has. Never the scripted one by itself: it only pretends.
 */
export function chooseRuntime(
  wanted: string | undefined,
  env: NodeJS.ProcessEnv,
): { id: string; missing: boolean } {
  if (wanted !== undefined) {
    requireRuntime(wanted, env);
    return { id: wanted, missing: false };
  }
  const real = Object.values(RUNTIMES).filter(({ id, command }) => id !== SCRIPTED && command !== null);
  const found = real.find((runtime) => isInstalled(runtime, env));
  return { id: (found ?? real[0])?.id ?? SCRIPTED, missing: found === undefined };
}

/** Throws `validation_failed` for an unknown runtime, `runtime_missing` for one that is not here. */
function requireRuntime(id: string, env: NodeJS.ProcessEnv): void {
  const runtime = Object.hasOwn(RUNTIMES, id) ? RUNTIMES[id] : undefined;
  if (runtime === undefined)
    throw new GastownError(
      "validation_failed",
      `There is no agent runtime "${id}". Known are: ${Object.keys(RUNTIMES).join(", ")}.`,
    );
  if (!isInstalled(runtime, env))
    throw new GastownError(
      "runtime_missing",
      `${runtime.title} (runtime "${id}") is not installed on this machine. Install it with: ${runtime.install}. Then log in: ${runtime.login}.`,
    );
}

/** Whether a runtime's program can be started; asks nobody, so that a start is not held up. */
function isInstalled(runtime: Runtime, env: NodeJS.ProcessEnv): boolean {
  if (runtime.id === SCRIPTED) return true;
  const { command } = runtime;
  return (
    command !== null &&
    (env["PATH"] ?? "").split(delimiter).some((folder) => isProgram(join(folder, command)))
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function scriptedCommand(): { command: string; args: readonly string[] } {
  const self = selfCommand();
  return { command: self.command, args: [...self.args, "scripted-agent"] };
}
