import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { createInterface } from "node:readline";
import { GastownError, isErrorCode } from "@gastown/protocol";
import { z } from "zod";
import type { OptionValues, Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { CommandError, errorBody, EXIT, exitCodeOf, shown, type ExitCode } from "../cli/failure.ts";
import { textOption } from "../cli/values.ts";
import { COMMIT } from "../cli/version.ts";
import { machineClock, MovableClock, type HostClock } from "../host/clock.ts";
import { dataDirPath, prepareDataDir } from "../host/data-dir.ts";
import { startHost, type Host } from "../host/host.ts";
import { chooseRuntime, listRuntimes } from "../host/runtimes.ts";
import { selfCommand } from "../host/self.ts";
import type { SettingFlags } from "../host/settings.ts";
import { runnerTiming, type RunnerTiming } from "../runner/runner-input.ts";

/** What `up` tells when it is ready; with `--detach` it crosses from the child. */
const readyMessage = z.object({
  url: z.string(),
  loginUrl: z.string(),
  pid: z.int(),
  dataDir: z.string(),
  runtime: z.string(),
  runtimeMissing: z.boolean(),
});
type Ready = z.infer<typeof readyMessage>;
const failedMessage = z.object({
  failed: z.object({ code: z.string(), message: z.string(), exit: z.int() }),
});

/** `gastown up` (spec/api.md §7). A second one on the same data directory is refused (exit 6). */
export const up: Run = async (context, _args, options) =>
  options["detach"] === true ? upDetached(context, options) : upHere(context, options);

async function upHere(context: Context, options: OptionValues): Promise<number> {
  let host: Host;
  try {
    host = await start(context, options);
  } catch (error) {
    tellFailure(error);
    throw error;
  }
  const ready = await describe(host, context);
  process.send?.(ready);
  say(context, ready);
  const drainWaitMs = await untilAskedToStop(context);
  context.out.note("Stopping: running turns may end, work is saved. Once more Ctrl-C to stop at once.");
  const release = stopAtOnce();
  await host.stop({ keepRunners: options["keepRunners"] === true, drainWaitMs });
  release();
  context.out.note("Stopped.");
  return EXIT.done;
}

async function start(context: Context, options: OptionValues): Promise<Host> {
  const { env } = context;
  return startHost({
    dataDir: dataDirPath(context.options.dataDir, env),
    flags: flagsOf(options),
    env,
    terminal: context.out.terminal,
    writeLog: (line) => void process.stderr.write(line),
    version: context.version,
    commit: COMMIT,
    self: selfCommand(),
    insecureListen: options["insecureListen"] === true,
    runnerTiming: timingOf(env),
    clock: clockOf(env),
    listRuntimes: () => listRuntimes(env),
    chooseRuntime: (wanted) => chooseRuntime(wanted, env),
  });
}

/** A test cannot wait two minutes for an agent that hangs. Not in the help: no person needs it. */
function timingOf(env: NodeJS.ProcessEnv): RunnerTiming | undefined {
  const text = env["GASTOWN_RUNNER_TIMING"];
  return text === undefined ? undefined : runnerTiming.parse(JSON.parse(text));
}

/** Nor for grace periods: a clock so many ms ahead, moved on by each line of standard input. Not in the help either. */
function clockOf(env: NodeJS.ProcessEnv): HostClock | undefined {
  const ahead = env["GASTOWN_CLOCK_AHEAD"];
  if (ahead === undefined) return undefined;
  const clock = new MovableClock(machineClock, z.coerce.number().parse(ahead));
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => clock.advance(z.coerce.number().nonnegative().parse(line)));
  // It keeps nobody from ending.
  process.stdin.unref();
  return clock;
}

function flagsOf(options: OptionValues): SettingFlags {
  const listen = textOption(options, "listen");
  const runtime = textOption(options, "runtime");
  const instances = textOption(options, "maxInstances");
  return {
    ...(listen === undefined ? {} : { listen }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(instances === undefined ? {} : { max_instances: Number(instances) }),
    ...(options["dev"] === true ? { development: true, log_level: "debug" as const } : {}),
  };
}

async function describe(host: Host, context: Context): Promise<Ready> {
  const link = await host.createLoginLink();
  return {
    url: host.url,
    loginUrl: link.url,
    pid: process.pid,
    dataDir: dataDirPath(context.options.dataDir, context.env),
    runtime: host.runtime.id,
    runtimeMissing: host.runtime.missing,
  };
}

function say({ out }: Context, ready: Ready): void {
  // The link to sign in is for the web page, which does not exist yet: only --json tells it.
  out.result(ready, () => `gastown runs at ${out.style("bold", ready.url)}`);
  out.note(`Data directory: ${ready.dataDir}`);
  if (ready.runtimeMissing)
    out.note("No agent runtime was found on this machine: `gastown doctor` says what to install.");
  else out.note(`Agents run with ${ready.runtime} where a town names nothing else.`);
  out.note("In another terminal: `gastown init` in a repository, `gastown status`, `gastown watch`.");
}

/** How long running turns may go on, by how the host is asked to stop. */
const DRAIN_WAIT_MS = { ctrlC: 10_000, terminate: 60_000, now: 0 };

/** Resolves when the host is asked to stop, with the time that running turns are given (ms). */
async function untilAskedToStop({ signal }: Context): Promise<number> {
  const asked = Promise.withResolvers<number>();
  const terminate = (): void => asked.resolve(DRAIN_WAIT_MS.terminate);
  const now = (): void => asked.resolve(DRAIN_WAIT_MS.now);
  const interrupted = (): void => asked.resolve(DRAIN_WAIT_MS.ctrlC);
  process.once("SIGTERM", terminate).once("SIGUSR2", now);
  signal.addEventListener("abort", interrupted, { once: true });
  if (signal.aborted) interrupted();
  try {
    return await asked.promise;
  } finally {
    process.off("SIGTERM", terminate).off("SIGUSR2", now);
  }
}

/** A second signal ends the process without waiting for anything; the next start recovers. */
function stopAtOnce(): () => void {
  const end = (): void => process.exit(EXIT.interrupted);
  process.once("SIGINT", end).once("SIGTERM", end);
  return () => process.off("SIGINT", end).off("SIGTERM", end);
}

function tellFailure(thrown: unknown): void {
  const { error } = shown(thrown);
  process.send?.({ failed: { ...errorBody(error).error, exit: exitCodeOf(error) } });
}

/** Starts the same in the background and waits for its word. */
async function upDetached(context: Context, options: OptionValues): Promise<number> {
  const dir = prepareDataDir(dataDirPath(context.options.dataDir, context.env));
  const self = selfCommand();
  const log = openSync(dir.log, "a", 0o600);
  const child = spawn(self.command, [...self.args, "up", "--data-dir", dir.root, ...flagArguments(options)], {
    detached: true,
    env: context.env,
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const first = await Promise.race([once(child, "message"), once(child, "exit"), once(child, "error")]);
  const ready = readyMessage.safeParse(first[0]);
  if (ready.success) {
    child.disconnect();
    child.unref();
    say(context, ready.data);
    context.out.note(`It runs in the background (process ${ready.data.pid}); its log: ${dir.log}`);
    return EXIT.done;
  }
  const failed = failedMessage.safeParse(first[0]);
  if (!failed.success)
    throw new GastownError("not_ready", `gastown ended before it was ready. Its log: ${dir.log}`);
  const { code, message, exit } = failed.data.failed;
  throw new CommandError(toExit(exit), isErrorCode(code) ? code : "internal", message);
}

function toExit(code: number): ExitCode {
  return Object.values(EXIT).find((one) => one === code) ?? EXIT.failed;
}

function flagArguments(options: OptionValues): string[] {
  const listen = textOption(options, "listen");
  const runtime = textOption(options, "runtime");
  return [
    ...(listen === undefined ? [] : ["--listen", listen]),
    ...(runtime === undefined ? [] : ["--runtime", runtime]),
    ...(options["dev"] === true ? ["--dev"] : []),
    ...(options["keepRunners"] === true ? ["--keep-runners"] : []),
    ...(options["insecureListen"] === true ? ["--insecure-listen"] : []),
  ];
}
