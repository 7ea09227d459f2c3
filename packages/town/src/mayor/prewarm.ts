/** What a runner that boots is told of the mayor, and what it may open before anybody talks to it. */
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { launchOf, launchPlan } from "../sessions/launch.ts";
import type { SessionRow } from "../sessions/session-row.ts";
import { sessionRow } from "../sessions/session-row.ts";
import { mayorDraft } from "../sessions/start.ts";
import type { LaunchPlan, MayorContext } from "../town.ts";
import { townRow } from "../town-row.ts";
import { ensureMayor, mayStart } from "./decision.ts";
import { liveMayor, notUsable } from "./past.ts";

/** Of the live session, else of the next start, by the function of that start. */
export function mayorContext(ctx: Ctx): MayorContext {
  const live = liveMayor(ctx);
  const draft = mayorDraft(ctx);
  const { agent, runtime, model, smallModel } = draft;
  if (agent === null) return { agent: null, sessionId: null, launch: null };
  if (!live && notUsable(ctx) !== null) return { agent, sessionId: null, launch: null };
  const of = live
    ? { runtime: live.runtime, model: live.model, smallModel: live.small_model }
    : { runtime, model, smallModel };
  const launch = launchOf(ctx, { role: "mayor", rigId: null, agentName: agent.name, ...of });
  return { agent, sessionId: live?.id ?? null, launch };
}

/**
 * Opens the mayor's session by the same start as a message would. Null where one lives already, where
 * it could not be started, or where the settings are not those that the runner asked with.
 */
export function prewarmMayor(ctx: Ctx, configVersion: number): LaunchPlan | null {
  if (townRow(ctx).config_version !== configVersion || mayorDraft(ctx).agent === null) return null;
  if (liveMayor(ctx) || !mayStart(ctx)) return null;
  ensureMayor(ctx, "prewarm");
  const session = liveMayor(ctx);
  if (!session) return null;
  ctx.sql.run("update sessions set prewarmed = 1 where id = ?", session.id);
  const row = sessionRow(ctx, session.id);
  return row ? launchPlan(ctx, row) : null;
}

/** Once per prewarmed session: whether anybody talked to it. */
export function notePrewarm(ctx: Ctx, session: SessionRow, label: "used" | "unused"): void {
  ctx.sql.run("update sessions set prewarmed = 2 where id = ?", session.id);
  audit(ctx, {
    kind: "mayor.prewarmed",
    subject: { type: "session", id: session.id },
    sessionId: session.id,
    text: label === "used" ? "The prewarmed mayor is used" : "The prewarmed mayor was not used",
    data: { label, durationMs: ctx.now - session.started_at },
  });
}
