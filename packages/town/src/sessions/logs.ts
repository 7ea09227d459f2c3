/** Which logs of a session its runner keeps (spec/api.md §3.8); what is in them is on its disk only. */
import { sessionLog, type SessionLog } from "@gastown/protocol";
import { z } from "zod";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import type { SessionRow } from "./session-row.ts";

/** Of one session; the newest. */
const KEPT = 50;
const stored = z.array(sessionLog);

export function logsOf({ logs }: Pick<SessionRow, "logs">): SessionLog[] {
  return fromJson(stored, logs) ?? [];
}

/** What a heartbeat or the last word of a session says of them; undefined: it has none so far. */
export function noteLogs(ctx: Ctx, session: SessionRow, told: readonly SessionLog[] | undefined): void {
  if (told === undefined) return;
  // A runner that took the session over knows nothing of the logs before.
  const known = logsOf(session);
  const fresh = told.filter(({ log_id }) => !known.some((one) => one.log_id === log_id));
  if (fresh.length === 0) return;
  const logs = toJson([...known, ...fresh].slice(-KEPT));
  ctx.sql.run("update sessions set logs = ? where id = ?", logs, session.id);
  for (const { kind, log_id: logId } of fresh) {
    audit(ctx, {
      kind: "session.log_begun",
      subject: { type: "session", id: session.id },
      beadId: session.bead_id,
      rigId: session.rig_id,
      agentId: session.agent_id,
      sessionId: session.id,
      text: kind === "setup" ? "Its setup commands run" : "Its agent has written to stderr",
      data: { kind, logId },
    });
  }
}
