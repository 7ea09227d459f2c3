import { createContext } from "./context.ts";
import { EXIT, exitCodeOf, shown } from "./failure.ts";
import { Interrupts, interruption } from "./interrupt.ts";
import { Output } from "./output.ts";
import { parseCommandLine, type Invocation } from "./program.ts";
import { VERSION } from "./version.ts";

/** The process as a command sees it. */
export interface Terminal {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdoutIsTerminal: boolean;
  readonly stdinIsTerminal: boolean;
  stdout(text: string): void;
  stderr(text: string): void;
  /** Calls `stop` at the next Ctrl-C; returns what takes that back. */
  onInterrupt(stop: () => void): () => void;
}

/** Runs one command line; resolves with its exit code and never rejects. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  const plain = createOutput(terminal, { json: argv.includes("--json"), quiet: false });
  let invocation: Invocation;
  try {
    const parsed = parseCommandLine(argv);
    if (parsed.type === "text") {
      terminal.stdout(parsed.text);
      return EXIT.done;
    }
    invocation = parsed.invocation;
  } catch (error) {
    return exitCodeOf(plain.failure(error));
  }
  return execute(invocation, terminal);
}

async function execute({ spec, args, options, globals }: Invocation, terminal: Terminal): Promise<number> {
  const out = createOutput(terminal, { json: globals.json === true, quiet: globals.quiet === true });
  const stopped = new AbortController();
  const listen = (fn: () => void): (() => void) => terminal.onInterrupt(fn);
  const interrupts = new Interrupts(listen, () => stopped.abort(interruption()));
  try {
    const context = createContext({
      out,
      options: globals,
      env: terminal.env,
      cwd: terminal.cwd,
      signal: stopped.signal,
      firstInterrupt: (fn) => interrupts.first(fn),
      interactive: terminal.stdinIsTerminal && out.terminal && globals.yes !== true,
      version: VERSION,
    });
    const run = await spec.load();
    return (await run(context, args, options)) ?? EXIT.done;
  } catch (error) {
    // Whatever was cut off by Ctrl-C fails in its own way: the reason is Ctrl-C.
    const reason: unknown = stopped.signal.aborted ? stopped.signal.reason : error;
    return exitCodeOf(out.failure(shown(reason).defect === undefined ? reason : error));
  } finally {
    interrupts.end();
  }
}

function createOutput(terminal: Terminal, options: { json: boolean; quiet: boolean }): Output {
  const { env } = terminal;
  const color =
    !options.json && terminal.stdoutIsTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  return new Output({
    ...options,
    color,
    terminal: terminal.stdoutIsTerminal,
    debug: (env["GASTOWN_DEBUG"] ?? "") !== "",
    stdout: (text) => terminal.stdout(text),
    stderr: (text) => terminal.stderr(text),
  });
}
