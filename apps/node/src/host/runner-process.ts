import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { RunnerAddress } from "@gastown/server";
import { healthAnswer, type HealthAnswer } from "@gastown/protocol";
import type { RunnerInput } from "../runner/runner-input.ts";
import { isRunning, processStart } from "./process-identity.ts";

/** A runner process that may have been started by an earlier host. */
export interface RunnerProcess {
  readonly address: RunnerAddress;
  readonly pid: number;
  readonly start: string;
}

/** How this program starts itself again. */
export interface SelfCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/**
 * Starts a runner in a session of its own, so that it outlives this process. Options and the boot
 * secret go through its standard input: neither its arguments nor its environment hold a secret.
 */
export function spawnRunner(
  self: SelfCommand,
  input: RunnerInput,
  env: NodeJS.ProcessEnv,
): { child: ChildProcess; logPath: string } {
  mkdirSync(input.root, { recursive: true, mode: 0o700 });
  const logPath = join(input.root, "runner.log");
  const log = openSync(logPath, "a", 0o600);
  try {
    const child = spawn(self.command, [...self.args, "runner"], {
      cwd: input.root,
      detached: true,
      env,
      stdio: ["pipe", log, log],
    });
    // It may end before it has read its input; its exit is what tells.
    child.stdin?.on("error", () => {});
    child.stdin?.end(JSON.stringify(input));
    child.unref();
    return { child, logPath };
  } finally {
    closeSync(log);
  }
}

/** The last lines of a log, for an error that has to explain an exit. */
export function logTail(path: string, lines = 10): string {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  } catch {
    return "";
  }
}

/** Its health, or undefined when it does not answer (rightly) within `timeoutMs`. */
export async function runnerHealth(
  address: RunnerAddress,
  timeoutMs: number,
): Promise<HealthAnswer | undefined> {
  try {
    const response = await fetch(`${address.url}/health`, {
      headers: { authorization: `Bearer ${address.bearer}` },
      signal: AbortSignal.timeout(timeoutMs),
    });
    return response.ok ? healthAnswer.parse(await response.json()) : undefined;
  } catch {
    return undefined;
  }
}

/** Asks it to drain; false when it did not take the request. */
export async function askToDrain(address: RunnerAddress, waitMs: number): Promise<boolean> {
  try {
    const response = await fetch(`${address.url}/drain`, {
      method: "POST",
      headers: { authorization: `Bearer ${address.bearer}`, "content-type": "application/json" },
      body: JSON.stringify({ reason: "host", wait_ms: waitMs }),
      signal: AbortSignal.timeout(5_000),
    });
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * Calls `gone` once when the process has ended. It is not our child (an earlier host started it),
 * so there is no exit event; but the system closes its sockets when it dies, and we hold one.
 * Returns what stops watching.
 */
export function whenGone(one: RunnerProcess, setTimer: SetTimer, gone: () => void): () => void {
  let stopped = false;
  let cancel = (): void => {};
  const check = (): void => {
    if (stopped) return;
    if (!isRunning(one)) {
      stopped = true;
      gone();
      return;
    }
    const { hostname, port } = new URL(one.address.url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.unref();
    socket.on("error", () => {});
    // Its server also closes connections that ask nothing, and its port before it ends: look again.
    const closed = (): void => {
      cancel = setTimer(200, check);
    };
    socket.once("close", closed);
    cancel = () => {
      socket.off("close", closed);
      socket.destroy();
    };
  };
  check();
  return () => {
    stopped = true;
    cancel();
  };
}

export type SetTimer = (delayMs: number, fn: () => void) => () => void;

/** Resolves true when the process has ended, false after `timeoutMs`. */
export function waitGone(one: RunnerProcess, timeoutMs: number, setTimer: SetTimer): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let unwatch = (): void => {};
  const cancel = setTimer(timeoutMs, () => {
    unwatch();
    resolve(!isRunning(one));
  });
  unwatch = whenGone(one, setTimer, () => {
    cancel();
    resolve(true);
  });
  return promise;
}

/** Ends that very process: TERM, and KILL when it has not gone within `graceMs`. */
export async function endProcess(one: RunnerProcess, graceMs: number, setTimer: SetTimer): Promise<void> {
  for (const [signal, wait] of [["SIGTERM", graceMs] as const, ["SIGKILL", 5_000] as const]) {
    if (!isRunning(one)) return;
    try {
      process.kill(one.pid, signal);
    } catch {
      return;
    }
    if (await waitGone(one, wait, setTimer)) return;
  }
}

/** A child of ours as a process that a later host could find. */
export function identify(child: ChildProcess, address: RunnerAddress): RunnerProcess {
  const pid = child.pid ?? -1;
  return { address, pid, start: processStart(pid) ?? "" };
}
