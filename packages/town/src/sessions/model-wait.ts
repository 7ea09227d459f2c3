/**
 * A live session whose model does not answer for now (spec/runner.md §4): its runner says so with each
 * heartbeat and repeats the turn by itself. Nothing is counted, and nobody is impatient meanwhile.
 */
import type { HeartbeatSession } from "@gastown/protocol";
import { z } from "zod";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import type { SessionRow } from "./session-row.ts";

const stored = z.object({
  /** Epoch ms. */
  since: z.number(),
  until: z.number(),
  provider: z.string(),
  message: z.string(),
});
export type ModelWait = z.infer<typeof stored>;

/** Null: it waits for no model. */
export function modelWaitOf(session: Pick<SessionRow, "model_wait">): ModelWait | null {
  return fromJson(stored, session.model_wait);
}

/** What a heartbeat says of it; a runner that says nothing has its answer. */
export function noteModelWait(
  ctx: Ctx,
  session: SessionRow,
  told: HeartbeatSession["waiting_for_model"],
): void {
  const before = modelWaitOf(session);
  if (told === undefined && before === null) return;
  const next = told === undefined ? null : toJson({ since: before?.since ?? ctx.now, ...told });
  if (next === session.model_wait) return;
  ctx.sql.run("update sessions set model_wait = ? where id = ?", next, session.id);
  // Patience with the agent begins anew: the silence until now was not its own.
  if (told === undefined)
    ctx.sql.run("update sessions set last_event_at = ? where id = ?", ctx.now, session.id);
  if (told !== undefined && before !== null) return;
  audit(ctx, {
    kind: "session.model_wait",
    subject: { type: "session", id: session.id },
    beadId: session.bead_id,
    rigId: session.rig_id,
    agentId: session.agent_id,
    sessionId: session.id,
    text:
      told === undefined
        ? "The model answers again"
        : `The agent waits for its model until ${iso(told.until)}: ${told.message}`,
    data: { waits: told !== undefined, provider: (told ?? before)?.provider, until: told?.until ?? null },
  });
}
