/**
 * Patience with an agent of which nothing is heard (spec/town.md §5, session, running): after 15 min
 * it is nudged, after 60 min more firmly, after 120 min its session is stopped with its work saved.
 * Each step once per quiet period; any sign of the agent itself begins a new one.
 */
import { audit } from "../audit/audit.ts";
import { MINUTE, type Ctx } from "../kernel/context.ts";
import { fromJson } from "../kernel/json.ts";
import { nudge } from "../nudges/nudges.ts";
import { askTriage } from "../triage/requests.ts";
import { townRow } from "../town-row.ts";
import { z } from "zod";
import { modelWaitOf } from "./model-wait.ts";
import { pendingPermission } from "./permissions.ts";
import type { SessionRow } from "./session-row.ts";

const TIERS = [15 * MINUTE, 60 * MINUTE, 120 * MINUTE];
const tools = z.array(z.string());

/** When the next step of patience is due (epoch ms); null while something explains the silence. */
export function quietDueAt(ctx: Ctx, session: SessionRow): number | null {
  if (session.role === "mayor" || session.state !== "running" || session.stop_requested !== null) return null;
  if ((fromJson(tools, session.active_tools) ?? []).length > 0) return null;
  if (modelWaitOf(session) !== null || pendingPermission(ctx, session.id) !== undefined) return null;
  if (townRow(ctx).runner_draining === 1) return null;
  const next = TIERS[tierOf(session)];
  return next === undefined ? null : session.last_event_at + next;
}

/** Of the quiet period that is now: an older one's steps do not count. */
function tierOf(session: SessionRow): number {
  return session.quiet_from === session.last_event_at ? session.quiet_tier : 0;
}

/** Takes the step that is due. Returns true where the session is to be stopped. */
export function patienceEnds(ctx: Ctx, session: SessionRow): boolean {
  const silent = ctx.now - session.last_event_at;
  const tier = TIERS.filter((limit) => limit <= silent).length;
  ctx.sql.run(
    "update sessions set quiet_tier = ?, quiet_from = last_event_at where id = ?",
    tier,
    session.id,
  );
  audit(ctx, {
    kind: "session.quiet",
    subject: { type: "session", id: session.id },
    beadId: session.bead_id,
    rigId: session.rig_id,
    agentId: session.agent_id,
    sessionId: session.id,
    text: `No sign of the agent for ${Math.floor(silent / MINUTE)} min`,
    data: { tier, lastSeenAt: session.last_event_at },
  });
  if (tier >= TIERS.length) return true;
  if (tier > 1) askTriage(ctx, session);
  nudge(ctx, session, {
    text: tier === 1 ? FIRST : SECOND_TIME,
    mode: "now",
    urgent: tier > 1,
  });
  return false;
}

const FIRST =
  "Nothing was heard of you for a while. Go on with your bead; say with gt_status what you are doing. If something keeps you from going on, use gt_escalate; if you are finished, use the tool that ends your work.";
const SECOND_TIME =
  "Nothing was heard of you for an hour. Save what matters with gt_checkpoint, then finish, or say with gt_escalate what you need. Without any sign this session is stopped; its work is saved.";
