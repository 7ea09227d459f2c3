/**
 * What runs beside the code: agents, worktrees, gates, merges (spec/runner.md). The two programs
 * are loaded when they are started, so that neither pays for the other.
 */
import type { DetectedRuntime, DetectOptions } from "./agents/detect-runtimes.ts";
import type { RunnerExit } from "./boot/start-runner.ts";
import type { RunnerOptions } from "./options.ts";
import type { ScriptedOptions } from "./scripted/scripted-agent.ts";

export { checkGit } from "./git/version.ts";
export type { GitVersion } from "./git/version.ts";
export type { DetectedRuntime, DetectOptions } from "./agents/detect-runtimes.ts";
export { ABILITIES, RUNTIMES } from "./agents/runtimes.ts";
export type { Runtime, RuntimeOverride } from "./agents/runtimes.ts";
export { isAlive, readRunnerFile } from "./boot/runner-file.ts";
export type { RunnerFile } from "./boot/runner-file.ts";
export type { RunnerExit } from "./boot/start-runner.ts";
export type { Log, RunnerOptions } from "./options.ts";
export type { ScriptedOptions } from "./scripted/scripted-agent.ts";

/**
 * Runs a town's runner until it is drained, fenced or refused. The caller ends the process.
 * @throws GastownError `already_exists` when another runner holds the work directory
 */
export async function runRunner(options: RunnerOptions): Promise<RunnerExit> {
  const { runRunner: run } = await import("./main.ts");
  return run(options);
}

/** What is installed on this machine, for `doctor`, every runtime of the table at once. */
export async function detectRuntimes(options: DetectOptions): Promise<DetectedRuntime[]> {
  const { detectRuntimes: detect } = await import("./agents/detect-runtimes.ts");
  return detect(options);
}

/** Starts children for the runner that started this process, until that is gone. */
export async function runStarter(): Promise<void> {
  const { serveStarter } = await import("./git/starter-process.ts");
  serveStarter();
}

/** What stands behind git, gh, glab and git's credential helper in an agent's PATH. */
export async function runShim(args: readonly string[]): Promise<void> {
  const { shimMain } = await import("./broker/shim-main.ts");
  await shimMain(args);
}

/** Runs the scripted agent on this process's stdin and stdout until stdin ends. */
export async function runScriptedAgent(options: ScriptedOptions = {}): Promise<void> {
  const { runScriptedAgent: run } = await import("./scripted/scripted-agent.ts");
  return run(options);
}
