import { isatty } from "node:tty";
import { runCli } from "./run.ts";

/** Runs this process's command line and sets its exit code. */
export async function cliMain(argv: readonly string[]): Promise<void> {
  // A reader that went away (`gastown events -f | head`) is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  const code = await runCli(argv, {
    env: process.env,
    cwd: process.cwd(),
    // `isTTY` would be undefined here, which picocolors takes for its own guess: color in CI.
    stdoutIsTerminal: isatty(1),
    stdinIsTerminal: isatty(0),
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    onInterrupt: (stop) => {
      process.once("SIGINT", stop);
      return () => process.off("SIGINT", stop);
    },
  });
  process.exitCode = code;
}
