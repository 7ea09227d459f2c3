/**
 * A start that was refused because the last session of its agent's directory left work that is on no remote
 * yet (spec/runner.md §5). Its runner tries that again by itself. Such a refusal counts nowhere, so a person is
 * asked where it takes long: they alone can make a remote take pushes.
 */
import type { FailureReason } from "@gastown/protocol";
import { escalate, mootEscalations } from "../escalations/escalations.ts";
import { MINUTE, type Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { endRests, WORK_UNSAVED } from "./refusals.ts";
import type { SessionRow } from "./session-row.ts";

/** For so long a remote may be away before a person is asked. */
const PATIENCE = 30 * MINUTE;

type Leaver = { bead_id: string | null; ended_at: number };

/** The session that left it: the last one that had this directory. */
function leaverOf(ctx: Ctx, agentId: string): Leaver | undefined {
  return ctx.sql.get<Leaver>(
    `select bead_id, ended_at from sessions where agent_id = ? and ended_at is not null and outcome <> 'refused'
     order by started_at desc limit 1`,
    agentId,
  );
}

/** Whether the work that waits there is of another bead: this one can go on in any other directory. */
export function isOfAnother(ctx: Ctx, session: SessionRow): boolean {
  return leaverOf(ctx, session.agent_id)?.bead_id !== session.bead_id;
}

/** Of a start that was refused so; nothing while the remote may only be away for a moment. */
export function tellOfUnsaved(ctx: Ctx, session: SessionRow, reason: FailureReason): void {
  const since = leaverOf(ctx, session.agent_id)?.ended_at ?? ctx.now;
  if (ctx.now - since < PATIENCE) return;
  escalate(ctx, {
    severity: "high",
    category: WORK_UNSAVED,
    subject: session.agent_id,
    title: "Unfinished work cannot be saved: its remote takes no push",
    body: `${reason.message} ${reason.action ?? ""}

Nothing is lost: it stays where it is, and nobody else is given that directory. Saving is tried again by itself, no attempt is counted, and this question closes as soon as it is saved.`,
    source: {
      rigId: session.rig_id ?? undefined,
      beadId: session.bead_id ?? undefined,
      sessionId: session.id,
    },
  });
}

/** What was left in that agent's directory is saved: who waits for it goes on at once. */
export function unsavedIsSaved(ctx: Ctx, agentId: string): void {
  mootEscalations(ctx, agentId, WORK_UNSAVED);
  endRests(ctx, WORK_UNSAVED, agentId);
  const role = ctx.sql.get<{ role: string }>("select role from agents where id = ?", agentId)?.role;
  if (role !== "mayor") return;
  ctx.sql.run("update town set mayor_rest_until = 0 where id = 1");
  schedule(ctx, "mayor", "mayor");
}
