/** What a live session waits for, where that is not its agent's work (spec/api.md §3.6, "Sessions"). */
import type { WaitingOn } from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { modelWaitOf } from "./model-wait.ts";
import { pendingPermission, permissionDueAt, type PermissionRow } from "./permissions.ts";
import { SETTLE_DEADLINE, STOP_DEADLINE, type SessionRow } from "./session-row.ts";

/** Undefined: its agent works, or it is over. */
export function sessionWait(ctx: Ctx, row: SessionRow): WaitingOn | undefined {
  return row.state === "ended" ? undefined : (endingWait(row) ?? agentWait(ctx, row));
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
export function agentWait(ctx: Ctx, row: SessionRow): WaitingOn | undefined {
  const asked = pendingPermission(ctx, row.id);
  if (asked !== undefined) return permissionWait(asked);
  const wait = modelWaitOf(row);
  if (wait === null) return undefined;
  return {
    code: "model_quota",
    since: iso(wait.since),
    until: iso(wait.until),
    message: `waits for its model (${wait.provider}): ${wait.message}`,
  };
}

function permissionWait(asked: PermissionRow): WaitingOn {
  const { escalation_id: id, title } = asked;
  return {
    code: "permission",
    since: iso(asked.asked_at),
    until: iso(permissionDueAt(asked)),
    ...(id === null ? {} : { objects: [{ id, title, status: "open" }] }),
    message: `asks a person for permission: ${title}`,
  };
}
