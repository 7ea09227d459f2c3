/**
 * The starter of children: a process with next to nothing in its memory (see starter.ts). It knows
 * only what it is told over the channel to the runner, and ends with that.
 */
import { runChild } from "./child.ts";
import type { ChildOptions, ChildResult } from "./child.ts";

/** From the runner: start a child, or take one back. */
export type StarterRequest =
  | { readonly id: number; readonly start: Omit<ChildOptions, "signal"> }
  | { readonly id: number; readonly abort: true };

/** To the runner: what became of it; null: it was taken back, and its group is gone. */
export interface StarterAnswer {
  readonly id: number;
  readonly result: ChildResult | null;
}

/** Serves until the runner is gone. Its children go on then, as they would if it had started them. */
export function serveStarter(): void {
  const aborts = new Map<number, AbortController>();
  process.on("message", (request: StarterRequest) => {
    if ("abort" in request) aborts.get(request.id)?.abort();
    else void serve(aborts, request);
  });
  process.once("disconnect", () => process.exit(0));
  // The runner's group is asked to end while the runner still saves work with git's help.
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(name, () => undefined);
}

async function serve(
  aborts: Map<number, AbortController>,
  { id, start }: Extract<StarterRequest, { start: object }>,
): Promise<void> {
  const abort = new AbortController();
  aborts.set(id, abort);
  const result = await runChild({ ...start, signal: abort.signal }).catch(() => null);
  aborts.delete(id);
  const answer: StarterAnswer = { id, result };
  process.send?.(answer, undefined, undefined, () => undefined);
}
