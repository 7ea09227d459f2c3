/** Another model for one session alone (spec/api.md §3.9, §3.10). */
import { GastownError } from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import { liveMayor } from "../mayor/past.ts";
import { effect, enqueue } from "../outbox/outbox.ts";
import type { EffectPayload } from "../outbox/requests.ts";
import type { ChangeState, ModelChoice } from "../town.ts";
import { sessionRow, type SessionRow } from "./session-row.ts";

/** Returns the id of the change, whose state `changeState` tells. */
export function changeModel(ctx: Ctx, session: SessionRow, choice: ModelChoice): string {
  if (session.state === "ended" || session.stop_requested !== null) {
    throw new GastownError("invalid_transition", "This session is over: its model cannot be changed.");
  }
  const before = { model: session.model, smallModel: session.small_model, pinned: session.model_pinned };
  ctx.sql.run(
    "update sessions set model = ?, small_model = ?, model_pinned = ? where id = ?",
    choice.model,
    choice.smallModel ?? session.small_model,
    choice.pin === false ? 0 : 1,
    session.id,
  );
  return enqueue(ctx, {
    kind: "change_model",
    subject: session.id,
    key: `model:${ctx.id("effect")}`,
    payload: { before },
  });
}

/** The runner does not offer it: the session goes on with what it had. */
export function modelRefused(ctx: Ctx, sessionId: string, before: EffectPayload["before"]): void {
  if (!before) return;
  ctx.sql.run(
    "update sessions set model = ?, small_model = ?, model_pinned = ? where id = ?",
    before.model,
    before.smallModel,
    before.pinned,
    sessionId,
  );
}

/** Of the live mayor; where none lives, of its next session, and null is returned. */
export function chooseMayorModel(ctx: Ctx, choice: ModelChoice): string | null {
  const session = liveMayor(ctx);
  if (session && session.stop_requested === null) return changeModel(ctx, session, choice);
  if (choice.pin === false) return null;
  ctx.sql.run(
    "update town set mayor_model = ?, mayor_small_model = coalesce(?, mayor_small_model) where id = 1",
    choice.model,
    choice.smallModel ?? null,
  );
  return null;
}

export function changeState(ctx: Ctx, changeId: string): ChangeState {
  const row = effect(ctx, changeId);
  if (!row) throw new GastownError("not_found", "There is no such change.");
  if (row.state === "done") return { type: "done", result: row.result ?? "" };
  if (row.state !== "dead") return { type: "pending" };
  return { type: "refused", message: messageOf(row.result ?? "") };
}

function messageOf(stored: string): string {
  try {
    const parsed: unknown = JSON.parse(stored);
    const isReason = typeof parsed === "object" && parsed !== null && "message" in parsed;
    return isReason ? String(parsed.message) : stored;
  } catch {
    return stored;
  }
}

export function interruptSession(ctx: Ctx, session: SessionRow): SessionRow | undefined {
  if (session.state !== "ended") {
    enqueue(ctx, { kind: "interrupt_session", subject: session.id, key: `interrupt:${session.id}` });
  }
  return sessionRow(ctx, session.id);
}
