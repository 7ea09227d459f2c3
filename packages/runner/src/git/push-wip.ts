/** Pushing unfinished work to a ref that belongs to one session (spec/runner.md §5). */
import type { GitContext } from "./context.ts";
import { GitFailure } from "./failure.ts";
import { push } from "./push.ts";
import type { RemoteOf } from "./remotes.ts";

export function saveFailure(code: "git_failed" | "network" | "auth", what: string): GitFailure {
  const action = "The worktree is kept as it is and saving is tried again.";
  return new GitFailure({
    phase: "worktree",
    code,
    message: `Unfinished work could not be saved: ${what}`,
    action,
  });
}

export type Stored = { readonly ref: string } | { readonly refused: string };

export interface Wip {
  readonly commit: string;
  readonly ref: string;
  /** Whether the commit that stands there is an earlier save of the same work. */
  readonly supersedes: (there: string) => Promise<boolean>;
}

/**
 * `taken`: another save stands there. Two runners may have had the session, the older one not knowing that it is
 * over; and two submodules may have one remote. Throws `GitFailure` `network` or `auth` where it must be tried again.
 */
export async function pushWip(
  context: GitContext,
  of: RemoteOf,
  { commit, ref, supersedes }: Wip,
  signal: AbortSignal,
): Promise<Stored | { readonly taken: true }> {
  let expected = (await context.remotes.heads(of, [ref], signal)).get(ref) ?? null;
  for (;;) {
    if (expected === commit) return { ref };
    if (expected !== null && !(await supersedes(expected))) return { taken: true };
    const pushed = await push(context.git, context.remotes, of, { ref, to: commit, expected }, signal);
    if (pushed.kind === "done") return { ref };
    if (pushed.kind === "rejected") return { refused: pushed.reason };
    if (pushed.kind !== "moved") throw saveFailure(pushed.kind, pushed.reason);
    expected = pushed.head;
  }
}
