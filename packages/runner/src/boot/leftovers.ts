import type { GitWorkspace } from "../git/index.ts";
import type { Log } from "../options.ts";
import { saveAll } from "../sessions/save-work.ts";
import type { Saved } from "../sessions/save-work.ts";
import type { SlotRecord, SlotRecords } from "../sessions/slot-record.ts";

/**
 * Saves what the last session of a slot left, where that session does not go on here
 * (spec/runner.md §2).
 * @returns where; nothing where there was nothing, or where it could not be saved now
 */
export async function saveLeftover(
  deps: { git: GitWorkspace; slots: SlotRecords; log: Log },
  record: SlotRecord,
): Promise<Saved> {
  const { session_id: sessionId, author, worktrees } = record;
  const saved = await saveAll(deps.git, { sessionId, author, worktrees }, deps.log);
  if (saved.problem === null) deps.slots.write({ ...record, saved: true });
  return saved;
}
