/** The runner as a process: signals and its exit code. */
import { startRunner } from "./boot/start-runner.ts";
import type { Runner, RunnerExit } from "./boot/start-runner.ts";
import type { RunnerOptions } from "./options.ts";

/**
 * Runs until it is drained, fenced or refused; the caller then ends the process with `code`.
 * The first SIGTERM or SIGINT drains (spec/runner.md §6). The second, or the first of a drain that
 * was asked for otherwise, kills the agents and gives saving their work seconds. The third ends at
 * once; the next instance saves what is left.
 * @throws GastownError `already_exists` when another runner holds the work directory
 */
export async function runRunner(options: RunnerOptions): Promise<RunnerExit> {
  const runner = await startRunner(options);
  const forget = onSignals(runner);
  try {
    return await runner.exit;
  } finally {
    forget();
  }
}

function onSignals(runner: Runner): () => void {
  let hurried = false;
  const handle = (): void => {
    if (hurried) {
      runner.kill();
      process.exit(1);
    }
    hurried = runner.isLeaving;
    if (hurried) runner.hurry("sigterm");
    else runner.drain("sigterm");
  };
  const signals = ["SIGTERM", "SIGINT"] as const;
  for (const signal of signals) process.on(signal, handle);
  return () => {
    for (const signal of signals) process.off(signal, handle);
  };
}
