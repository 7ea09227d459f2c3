import type { GitIdentity, RigRef } from "@gastown/protocol";
import { GitFailure } from "../git/index.ts";
import type { GitWorkspace } from "../git/index.ts";
import type { Log } from "../options.ts";
import { delay } from "../wait.ts";

export interface Unsaved {
  readonly sessionId: string;
  readonly author: GitIdentity;
  readonly worktrees: readonly { readonly dir: string; readonly rig: RigRef }[];
}

export interface Saved {
  readonly workRef: string | null;
  /** Why something could not be saved now; it stays in its worktree. */
  readonly problem: string | null;
}

const PAUSES_MS = [500, 2_000];
const LIMIT_MS = 120_000;

/**
 * Saves what a session left (spec/runner.md §5 "WIP safety"). What cannot be pushed now is tried
 * twice more and then left where it is: its record says so, and nobody gets that worktree before.
 */
export async function saveAll(
  git: GitWorkspace,
  left: Unsaved,
  log: Log,
  signal?: AbortSignal,
): Promise<Saved> {
  let workRef: string | null = null;
  let problem: string | null = null;
  for (const { dir, rig } of left.worktrees) {
    const saved = await saveOne(git, left, { dir, rig }, log, signal);
    workRef ??= saved.workRef;
    problem ??= saved.problem;
  }
  return { workRef, problem };
}

async function saveOne(
  git: GitWorkspace,
  left: Unsaved,
  where: { dir: string; rig: RigRef },
  log: Log,
  aborted?: AbortSignal,
): Promise<Saved> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const late = AbortSignal.timeout(LIMIT_MS);
      const signal = aborted === undefined ? late : AbortSignal.any([late, aborted]);
      const saved = await git.saveWork({ ...where, sessionId: left.sessionId, author: left.author, signal });
      const bundle =
        saved.bundle === undefined
          ? null
          : `The remote refused it for good; a bundle holds it: ${saved.bundle}.`;
      return { workRef: saved.workRef, problem: bundle };
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      log("session.save_failed", { session_id: left.sessionId, attempt: attempt + 1, message });
      const pause = PAUSES_MS[attempt];
      const passing =
        thrown instanceof GitFailure && (thrown.failure.code === "network" || thrown.failure.code === "auth");
      if (pause === undefined || !passing || aborted?.aborted === true)
        return { workRef: null, problem: message };
      await delay(pause);
    }
  }
}
