/**
 * A live session whose model does not answer for now (spec/runner.md §4): its runner says so with each
 * heartbeat and repeats the turn by itself. Nothing is counted, and nobody is impatient meanwhile.
 */
import type { HeartbeatSession } from "@gastown/protocol";
import { z } from "zod";
import { audit } from "../audit/audit.ts";
import { MINUTE, type Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import type { SessionRow } from "./session-row.ts";

const stored = z.object({
  /** Since when there is trouble, with what was only a moment without any (epoch ms). */
  since: z.number(),
  until: z.number(),
  provider: z.string(),
  message: z.string(),
  /** Since when it does not wait any more (epoch ms); left out: it waits. */
  over: z.number().optional(),
});
type Trouble = z.infer<typeof stored>;
export type ModelWait = Omit<Trouble, "over">;

/**
 * For so long nobody waits before it counts as over: a provider that names a short time refuses again a moment
 * later, and people want to read of the trouble, not of each try.
 */
const QUIET = MINUTE;

type Waiting = Pick<SessionRow, "model_wait">;

const troubleOf = (session: Waiting): Trouble | null => fromJson(stored, session.model_wait);

/** Null: it waits for no model now. */
export function modelWaitOf(session: Waiting): ModelWait | null {
  const trouble = troubleOf(session);
  return trouble === null || trouble.over !== undefined ? null : trouble;
}

/** What a heartbeat says of it; a runner that says nothing waits for no answer. */
export function noteModelWait(
  ctx: Ctx,
  session: SessionRow,
  told: HeartbeatSession["waiting_for_model"],
): void {
  const before = troubleOf(session);
  if (told !== undefined) {
    const goesOn = before?.provider === told.provider;
    store(ctx, session, { since: goesOn ? before.since : ctx.now, ...told });
    if (!goesOn)
      say(ctx, session, told, `The agent waits for its model until ${iso(told.until)}: ${told.message}`);
    return;
  }
  if (before === null) return;
  if (before.over === undefined) {
    store(ctx, session, { ...before, over: ctx.now });
    // Patience with the agent begins anew: the silence until now was not its own.
    ctx.sql.run("update sessions set last_event_at = ? where id = ?", ctx.now, session.id);
    return;
  }
  if (ctx.now - before.over < QUIET) return;
  store(ctx, session, null);
  say(ctx, session, { ...before, until: null }, "The model answers again");
}

function store(ctx: Ctx, session: SessionRow, trouble: Trouble | null): void {
  const next = trouble === null ? null : toJson(trouble);
  if (next === session.model_wait) return;
  ctx.sql.run("update sessions set model_wait = ? where id = ?", next, session.id);
}

function say(
  ctx: Ctx,
  session: SessionRow,
  { provider, until }: { provider: string; until: number | null },
  text: string,
): void {
  audit(ctx, {
    kind: "session.model_wait",
    subject: { type: "session", id: session.id },
    beadId: session.bead_id,
    rigId: session.rig_id,
    agentId: session.agent_id,
    sessionId: session.id,
    text,
    data: { waits: until !== null, provider, until },
  });
}
