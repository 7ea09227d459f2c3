import type { SessionEnded } from "@gastown/protocol";
import type { Sender } from "../callbacks/sender.ts";
import type { GitWorkspace } from "../git/index.ts";
import type { Log } from "../options.ts";
import { saveAll } from "../sessions/save-work.ts";
import type { SlotRecord, SlotRecords } from "../sessions/slot-record.ts";

const UNKNOWN_USAGE = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };

/**
 * Saves what the last session of a slot left, where that session is not to go on here
 * (spec/runner.md §2). A session that had ended at the town is still told its ref.
 */
export async function saveLeftover(
  deps: { git: GitWorkspace; slots: SlotRecords; sender: Sender; log: Log },
  record: SlotRecord,
): Promise<void> {
  const { session_id: sessionId, author, worktrees, epoch } = record;
  const saved = await saveAll(deps.git, { sessionId, author, worktrees }, deps.log);
  if (saved.problem === null || saved.workRef !== null) deps.slots.write({ ...record, saved: true });
  if (saved.workRef === null) return;
  const ended: SessionEnded = {
    epoch,
    outcome: "evicted",
    reason: { code: "runner_restarted", message: "The runner restarted; what it had left was saved." },
    work_ref: saved.workRef,
    usage: UNKNOWN_USAGE,
  };
  deps.sender.ended(sessionId, ended);
}
