/** What people ask of the mayor's session, besides talking to it (spec/api.md §3.10). */
import { GastownError, type MayorStatus } from "@gastown/protocol";
import { settings } from "../config/store.ts";
import { requestStop } from "../sessions/stop.ts";
import type { Ctx } from "../kernel/context.ts";
import { enqueue } from "../outbox/outbox.ts";
import { inDelivery } from "./messages.ts";
import { agentWait } from "../sessions/session-wait.ts";
import { lastRefusal, liveMayor, notUsable } from "./past.ts";

/**
 * Ends the session. Its conversation goes on with the next message, unless that is to begin anew;
 * what it works on now is over, because a person said so.
 */
export function stopMayor(ctx: Ctx, newConversation: boolean): void {
  if (newConversation) ctx.sql.run("update town set mayor_fresh = 1 where id = 1");
  const session = liveMayor(ctx);
  if (session && session.stop_requested === null)
    requestStop(ctx, session, "now", `stopped by ${ctx.actor.name}`);
}

/** Ends the turn that runs; what waits goes on. Throws `invalid_transition` where none runs. */
export function interruptMayor(ctx: Ctx): void {
  const session = liveMayor(ctx);
  const message = inDelivery(ctx);
  if (!session || !message) {
    throw new GastownError("invalid_transition", "The mayor is not in a turn now: there is nothing to end.");
  }
  enqueue(ctx, {
    kind: "interrupt_session",
    subject: session.id,
    key: `interrupt:${message.id}:${message.deliveries}`,
    payload: { messageId: message.id },
  });
}

export function mayorStatus(ctx: Ctx): MayorStatus {
  const agent = ctx.sql.get<{ id: string }>("select id from agents where role = 'mayor' limit 1");
  const session = liveMayor(ctx);
  const queued =
    ctx.sql.get<{ n: number }>("select count(*) as n from mayor_messages where state = 'queued'")?.n ?? 0;
  const config = settings(ctx, null);
  const refusal = session ? null : lastRefusal(ctx);
  const reason = refusal?.reason.message ?? (session && agentWait(ctx, session)?.message);
  return {
    configured: session !== undefined || notUsable(ctx) === null,
    agentId: agent?.id ?? null,
    sessionId: session?.id ?? null,
    status: statusOf(session?.state, inDelivery(ctx) !== undefined),
    queued,
    runtime: session?.runtime ?? config.role_runtimes.mayor,
    model: session ? session.model : config.models.mayor || null,
    ...(reason === undefined ? {} : { reason }),
    ...(refusal?.reason.action === undefined ? {} : { action: refusal.reason.action }),
  };
}

function statusOf(state: string | undefined, busy: boolean): MayorStatus["status"] {
  if (state === undefined) return "idle";
  if (state === "starting") return "starting";
  return busy ? "active" : "waiting";
}
