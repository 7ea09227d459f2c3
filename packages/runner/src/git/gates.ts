/** Running a repository's own checks (spec/review.md §2, §3). */
import type { EffectOutcome, GateSpec, SetupSpec } from "@gastown/protocol";
import { Redactor } from "../agents/redact.ts";
import { runChild } from "./child.ts";
import type { GitContext } from "./context.ts";

export type GateResult = Extract<EffectOutcome, { outcome: "gates_done" }>["gates"][number];

export interface GateRun {
  readonly dir: string;
  readonly gates: readonly GateSpec[];
  readonly setup: readonly SetupSpec[];
  readonly env: Readonly<Record<string, string>>;
  /** Names in `env` whose values nobody is shown, whatever they are called. */
  readonly secret_env?: readonly string[] | undefined;
  readonly signal: AbortSignal;
}

const LOG_TAIL_BYTES = 16_000;
const SETUP_TIMEOUT_SECONDS = 600;
const INHERITED = ["PATH", "HOME", "LANG", "TMPDIR"] as const;

function gateEnv(extra: Readonly<Record<string, string>>): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of INHERITED) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return { ...env, ...extra };
}

/** Takes the secrets of the gates' environment out of what they print. */
function cleanerOf(run: GateRun): (text: string) => string {
  const redactor = new Redactor();
  redactor.addEnv(run.env);
  for (const name of run.secret_env ?? []) redactor.add(run.env[name] ?? "");
  return (text) => redactor.clean(text);
}

/** Both streams in one, in the order in which they were written; whole UTF-8 characters. */
async function runOne(context: GitContext, run: GateRun, gate: GateSpec): Promise<GateResult> {
  const started = performance.now();
  const clean = cleanerOf(run);
  const log = context.logs?.begin(clean) ?? null;
  try {
    const result = await runChild({
      command: "/bin/sh",
      // The shell's own stderr joins stdout, so that the log reads as on a terminal.
      args: ["-c", `exec 2>&1\n${gate.command}`],
      cwd: run.dir,
      env: { ...gateEnv(run.env), ...context.gateEnv },
      timeoutMs: gate.timeout_seconds * 1_000,
      signal: run.signal,
      stdout: { keep: "tail", bytes: LOG_TAIL_BYTES },
      stderr: { keep: "tail", bytes: LOG_TAIL_BYTES },
      reapGroup: true,
      onStdout: (chunk) => log?.write(chunk),
    });
    const note = result.ended === "timeout" ? `\n(ended after ${gate.timeout_seconds} s, its limit)` : "";
    log?.write(Buffer.from(`${result.stderr}${note}`));
    const ref = log?.end() ?? null;
    return {
      name: gate.name,
      exit_code: result.code,
      duration_ms: Math.round(performance.now() - started),
      required: gate.required,
      log_tail: clean(`${result.stdout}${result.stderr}`).slice(-LOG_TAIL_BYTES) + note,
      ...(ref === null ? {} : { log_ref: ref }),
    };
  } catch (error) {
    log?.drop();
    throw error;
  }
}

function setupGate(setup: SetupSpec): GateSpec {
  return {
    name: `setup: ${setup.command}`.slice(0, 60),
    command: setup.command,
    timeout_seconds: setup.timeout_seconds ?? SETUP_TIMEOUT_SECONDS,
    required: setup.required ?? true,
  };
}

export function isRed(gate: GateResult): boolean {
  return gate.required && gate.exit_code !== 0;
}

/** Runs setup commands; those that failed, and nothing after the first required one of them. */
async function runSetup(context: GitContext, run: GateRun): Promise<GateResult[]> {
  const failed: GateResult[] = [];
  for (const setup of run.setup) {
    const result = await runOne(context, run, setupGate(setup));
    if (result.exit_code !== 0) failed.push(result);
    if (isRed(result)) break;
  }
  return failed;
}

/**
 * Setup, then every gate in order, also after a red one: a person wants the whole table. A setup
 * command that fails is listed like a gate; a required one ends the run. Waits for one of the
 * workspace's two places.
 */
export async function runGateList(context: GitContext, run: GateRun): Promise<GateResult[]> {
  return context.heavyRuns.run(run.signal, async () => {
    try {
      const results = await runSetup(context, run);
      if (results.some(isRed)) return results;
      for (const gate of run.gates) results.push(await runOne(context, run, gate));
      return results;
    } finally {
      await context.logs?.prune();
    }
  });
}
