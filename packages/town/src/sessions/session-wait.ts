/** What a live session waits for, where that is not its agent's work (spec/api.md §3.6, "Sessions"). */
import type { WaitingOn } from "@gastown/protocol";
import { iso } from "../kernel/iso.ts";
import { modelWaitOf } from "./model-wait.ts";
import { SETTLE_DEADLINE, STOP_DEADLINE, type SessionRow } from "./session-row.ts";

/** Undefined: its agent works, or it is over. */
export function sessionWait(row: SessionRow): WaitingOn | undefined {
  return row.state === "ended" ? undefined : (endingWait(row) ?? agentWait(row));
}

/** Both have a time by which they are over, whatever the runner says. */
function endingWait(row: SessionRow): WaitingOn | undefined {
  const stopping = row.stop_requested !== null;
  if (row.deadline === null || (!stopping && row.state !== "settling")) return undefined;
  return {
    code: "settling",
    since: iso(row.deadline - (stopping ? STOP_DEADLINE : SETTLE_DEADLINE)),
    until: iso(row.deadline),
    message: stopping
      ? `is asked to stop (${row.stop_requested}); its work is being saved`
      : "its work is committed, pushed and read back",
  };
}

/** What keeps the agent of a live session from working; undefined: nothing. */
export function agentWait(row: SessionRow): WaitingOn | undefined {
  const wait = modelWaitOf(row);
  if (wait === null) return undefined;
  return {
    code: "model_quota",
    since: iso(wait.since),
    until: iso(wait.until),
    message: `waits for its model (${wait.provider}): ${wait.message}`,
  };
}
