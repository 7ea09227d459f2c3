import type { SessionEnded } from "@gastown/protocol";
import type { GitWorkspace } from "../git/index.ts";
import type { Log } from "../options.ts";
import { saveAll } from "../sessions/save-work.ts";
import type { SlotRecord, SlotRecords } from "../sessions/slot-record.ts";

const UNKNOWN_USAGE = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };

/**
 * Saves what the last session of a slot left, where that session does not go on here
 * (spec/runner.md §2).
 * @returns the ref on the remote; null where there was nothing, or where it could not be saved now
 */
export async function saveLeftover(
  deps: { git: GitWorkspace; slots: SlotRecords; log: Log },
  record: SlotRecord,
): Promise<string | null> {
  const { session_id: sessionId, author, worktrees } = record;
  const saved = await saveAll(deps.git, { sessionId, author, worktrees }, deps.log);
  if (saved.problem === null || saved.workRef !== null) deps.slots.write({ ...record, saved: true });
  return saved.workRef;
}

export function endOfLeftover({ epoch }: SlotRecord, workRef: string): SessionEnded {
  return {
    epoch,
    outcome: "evicted",
    reason: { code: "runner_restarted", message: "The runner restarted; what it had left was saved." },
    work_ref: workRef,
    usage: UNKNOWN_USAGE,
  };
}
