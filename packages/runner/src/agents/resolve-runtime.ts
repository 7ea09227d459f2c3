import { TerminalError } from "@gastown/protocol";
import { findProgram } from "./find-program.ts";
import { RUNTIMES } from "./runtimes.ts";
import type { Runtime, RuntimeOverride } from "./runtimes.ts";

export interface RuntimePlaces {
  readonly path: string;
  readonly scripted: { readonly command: string; readonly args: readonly string[] };
  readonly overrides: Readonly<Record<string, RuntimeOverride>>;
}

/** A runtime with the program that will really be started. */
export interface ResolvedRuntime {
  readonly runtime: Runtime;
  readonly command: string;
  readonly args: readonly string[];
  /** Variables of an override. */
  readonly env: Readonly<Record<string, string>>;
}

function missing(message: string, action: string, runtime: string): TerminalError {
  return new TerminalError("runtime_missing", `${message} ${action}`, { runtime, phase: "process", action });
}

/**
 * Finds what to start for a runtime.
 * @throws TerminalError `runtime_missing` (422) with an action for an unknown or absent runtime.
 */
export function resolveRuntime(id: string, places: RuntimePlaces): ResolvedRuntime {
  const runtime = Object.hasOwn(RUNTIMES, id) ? RUNTIMES[id] : undefined;
  if (runtime === undefined) {
    throw missing(
      `There is no agent runtime "${id}".`,
      `Choose one of: ${Object.keys(RUNTIMES).join(", ")}.`,
      id,
    );
  }
  const override = places.overrides[id];
  const wanted = override ??
    (id === "scripted" ? places.scripted : undefined) ?? { command: runtime.command, args: runtime.args };
  if (wanted.command === null) {
    throw missing(`The runtime "${id}" has no command on this host.`, `To use it, ${runtime.install}.`, id);
  }
  const program = findProgram(wanted.command, places.path);
  if (program === null) {
    throw missing(
      `${runtime.title} is not installed: "${wanted.command}" is not on the host's PATH.`,
      `Install it with: ${runtime.install}. Then log in: ${runtime.login}.`,
      id,
    );
  }
  return { runtime, command: program, args: wanted.args ?? runtime.args, env: override?.env ?? {} };
}
