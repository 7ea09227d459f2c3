/** The runner as a process: signals and its exit code. */
import { startRunner } from "./boot/start-runner.ts";
import type { Runner, RunnerExit } from "./boot/start-runner.ts";
import type { RunnerOptions } from "./options.ts";

/**
 * Runs until it is drained, fenced or refused; the caller then ends the process with `code`.
 * The first SIGTERM or SIGINT drains (spec/runner.md §6), the second ends at once.
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
  let asked = false;
  const handle = (): void => {
    if (asked) {
      runner.kill();
      process.exit(1);
    }
    asked = true;
    runner.drain("sigterm");
  };
  const signals = ["SIGTERM", "SIGINT"] as const;
  for (const signal of signals) process.on(signal, handle);
  return () => {
    for (const signal of signals) process.off(signal, handle);
  };
}
