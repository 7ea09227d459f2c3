/** Asking a session to end: by a person, by patience, or by a hard budget. */
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { enqueue, underWay } from "../outbox/outbox.ts";
import { STOP_DEADLINE, type SessionRow } from "./session-row.ts";

/** Its outcome calls are fenced at once; its bead waits until the work is saved, 10 min at most. */
export function requestStop(ctx: Ctx, session: SessionRow, mode: "graceful" | "now", why: string): void {
  const deadline = ctx.now + STOP_DEADLINE;
  ctx.sql.run(
    "update sessions set stop_requested = ?, deadline = ? where id = ?",
    why.slice(0, 500) || "stopped",
    deadline,
    session.id,
  );
  schedule(ctx, "session", session.id, deadline);
  const start = underWay(ctx, "start_session", session.id);
  if (start?.state === "pending")
    ctx.sql.run("update outbox set state = 'done', result = 'cancelled' where id = ?", start.id);
  enqueue(ctx, {
    kind: "stop_session",
    subject: session.id,
    key: `stop:${session.id}:${mode}`,
    payload: { mode },
    giveUpAt: deadline,
  });
}
