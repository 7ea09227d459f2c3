import { execFile } from "node:child_process";
import { ensureError } from "@gastown/protocol";
import { resolveRuntime } from "./resolve-runtime.ts";
import type { ResolvedRuntime } from "./resolve-runtime.ts";
import { RUNTIMES } from "./runtimes.ts";
import type { Conformance, Runtime, RuntimeOverride } from "./runtimes.ts";

export interface DetectedRuntime {
  readonly id: string;
  readonly title: string;
  readonly installed: boolean;
  readonly version: string | null;
  /** A sentence, when it cannot be used. */
  readonly problem: string | null;
  readonly install: string;
  readonly login: string;
  readonly conformance: Conformance | null;
}

export interface DetectOptions {
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly scripted?: { readonly command: string; readonly args: readonly string[] };
  readonly overrides?: Readonly<Record<string, RuntimeOverride>>;
  /** How long one version probe may take, in milliseconds; 15 000 by default. */
  readonly timeoutMs?: number;
}

function probe(
  resolved: ResolvedRuntime,
  options: DetectOptions,
): Promise<{ version: string | null; problem: string | null }> {
  const { versionArgs } = resolved.runtime;
  if (versionArgs === null) return Promise.resolve({ version: null, problem: null });
  const env = { HOME: options.env["HOME"], PATH: options.path, ...resolved.runtime.flags };
  return new Promise((done) => {
    execFile(
      resolved.command,
      [...versionArgs],
      { env, timeout: options.timeoutMs ?? 15_000 },
      (error, stdout) => {
        const version = /\d+\.\d+[\w.+-]*/.exec(stdout)?.[0] ?? null;
        if (error === null) done({ version, problem: null });
        else
          done({
            version,
            problem: `"${resolved.command} ${versionArgs.join(" ")}" failed. Install it again.`,
          });
      },
    );
  });
}

async function detect(runtime: Runtime, options: DetectOptions): Promise<DetectedRuntime> {
  const { id, title, install, login, conformance } = runtime;
  const base = { id, title, install, login, conformance };
  const scripted = options.scripted ?? { command: process.execPath, args: [] };
  try {
    const resolved = resolveRuntime(runtime.id, {
      path: options.path,
      scripted,
      overrides: options.overrides ?? {},
    });
    return { ...base, installed: true, ...(await probe(resolved, options)) };
  } catch (thrown) {
    return { ...base, installed: false, version: null, problem: ensureError(thrown).message };
  }
}

/** What is installed on this machine, for `doctor`, every runtime of the table at once. */
export function detectRuntimes(options: DetectOptions): Promise<DetectedRuntime[]> {
  return Promise.all(Object.values(RUNTIMES).map((runtime) => detect(runtime, options)));
}
