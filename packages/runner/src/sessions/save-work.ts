import type { GitIdentity, KeptWork, RigRef, SessionEnded } from "@gastown/protocol";
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
  /** What is saved elsewhere: of submodules, of further worktrees, and in bundles. */
  readonly kept: readonly KeptWork[];
  /** Why something could not be saved now; it stays in its worktree. */
  readonly problem: string | null;
}

export const NOTHING_SAVED: Saved = { workRef: null, kept: [], problem: null };

export function isSomewhere({ workRef, kept }: Saved): boolean {
  return workRef !== null || kept.length > 0;
}

/** The same for the town. */
export function whereabouts({ workRef, kept }: Saved): Pick<SessionEnded, "work_ref" | "kept"> {
  return { work_ref: workRef, ...(kept.length === 0 ? {} : { kept: kept.slice(0, MAX_KEPT) }) };
}

/** What the town takes at once; nobody reads more. */
const MAX_KEPT = 200;
const PAUSES_MS = [500, 2_000];
const LIMIT_MS = 120_000;

export interface Trying {
  readonly signal?: AbortSignal;
  /** What cannot be pushed now is not tried again here: the caller does that. */
  readonly once?: boolean;
}

/**
 * Saves what a session left (spec/runner.md §5 "WIP safety"). What cannot be pushed now is tried
 * twice more and then left where it is: its record says so, nobody gets that worktree before, and it is
 * tried again later (`LaterSaves`).
 */
export async function saveAll(
  git: Pick<GitWorkspace, "saveWork">,
  left: Unsaved,
  log: Log,
  how: Trying = {},
): Promise<Saved> {
  let workRef: string | null = null;
  const kept: KeptWork[] = [];
  let problem: string | null = null;
  for (const { dir, rig } of left.worktrees) {
    const saved = await saveOne(git, left, { dir, rig }, log, how);
    workRef ??= saved.workRef;
    kept.push(...saved.kept);
    problem ??= saved.problem;
  }
  return { workRef, kept, problem };
}

async function saveOne(
  git: Pick<GitWorkspace, "saveWork">,
  left: Unsaved,
  where: { dir: string; rig: RigRef },
  log: Log,
  { signal: aborted, once = false }: Trying,
): Promise<Saved> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      const late = AbortSignal.timeout(LIMIT_MS);
      const signal = aborted === undefined ? late : AbortSignal.any([late, aborted]);
      const saved = await git.saveWork({ ...where, sessionId: left.sessionId, author: left.author, signal });
      return { workRef: saved.workRef, kept: saved.kept ?? [], problem: null };
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      log("session.save_failed", { session_id: left.sessionId, attempt: attempt + 1, message });
      const pause = PAUSES_MS[attempt];
      const passing =
        thrown instanceof GitFailure && (thrown.failure.code === "network" || thrown.failure.code === "auth");
      if (pause === undefined || once || !passing || aborted?.aborted === true)
        return { workRef: null, kept: [], problem: message };
      await delay(pause);
    }
  }
}

const UNKNOWN_USAGE = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };

/** The last word about a session of which only its work was left here. Where the town knows its end, only the place counts. */
export function endOfLeftover({ epoch }: { epoch: number }, left: Saved): SessionEnded {
  return {
    epoch,
    outcome: "evicted",
    reason: { code: "saved_later", message: "What it had left was saved after its end." },
    ...whereabouts(left),
    usage: UNKNOWN_USAGE,
  };
}
