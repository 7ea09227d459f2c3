/** Taking a repository out of the town; its name is free at once (spec/api.md §3.4). */
import { GastownError } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { forgetAgent } from "../agents/commands.ts";
import type { AgentRow } from "../agents/agents.ts";
import { closeIssue } from "../beads/commands.ts";
import { closeConvoy } from "../convoys/commands.ts";
import { mootEscalations } from "../escalations/escalations.ts";
import { forgetSecrets } from "../credentials/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { unschedule } from "../kernel/schedule.ts";
import { forgetFormulas } from "../molecules/formulas.ts";
import { cancelPending } from "../outbox/outbox.ts";
import { dismissMerge } from "../reviews/fail.ts";
import type { MergeRow } from "../reviews/merge-row.ts";
import { closeSession } from "../sessions/close.ts";
import type { SessionRow } from "../sessions/session-row.ts";
import { findRig } from "./rigs.ts";

/** Throws `has_live_work` unless `force`, which cancels its unfinished beads (their work is saved). */
export function removeRig(ctx: Ctx, ref: string, force: boolean): void {
  const rig = findRig(ctx, ref);
  const live = ctx.sql.all<{ id: string; type: string }>(
    "select id, type from beads where rig_id = ? and status in ('open', 'in_progress', 'in_review')",
    rig.id,
  );
  if (live.length > 0 && !force) {
    throw new GastownError(
      "has_live_work",
      `Rig ${rig.name} has ${live.length} unfinished bead(s). Close them, or remove it with --force.`,
      { beads: live.slice(0, 50).map((bead) => bead.id) },
    );
  }
  const landing = ctx.sql.get<{ id: string }>(
    "select bead_id as id from merge_requests where rig_id = ? and state = 'landing' limit 1",
    rig.id,
  );
  if (landing) {
    throw new GastownError(
      "has_live_work",
      `Something of ${rig.name} is landing just now; only its end says what became of it. Try again in a moment.`,
      { beads: [landing.id] },
    );
  }
  for (const bead of live.filter((row) => row.type === "issue")) {
    closeIssue(ctx, bead.id, "cancelled", `its rig ${rig.name} was removed`);
  }
  for (const merge of adoptedMerges(ctx, rig.id)) dismissMerge(ctx, merge, `its rig ${rig.name} was removed`);
  for (const bead of live.filter((row) => row.type === "convoy")) {
    closeConvoy(ctx, bead.id, `its rig ${rig.name} was removed`);
  }
  endWhatIsLeft(ctx, rig.id);
  for (const agent of ctx.sql.all<AgentRow>("select * from agents where rig_id = ?", rig.id)) {
    forgetAgent(ctx, agent, `${agent.name} leaves with its rig`);
  }
  mootEscalations(ctx, rig.id);
  ctx.sql.run("delete from lanes where rig_id = ?", rig.id);
  ctx.sql.run("delete from schedule where kind = 'lane' and id like ?", `${rig.id} %`);
  ctx.sql.run("delete from spend where scope = 'rig' and id = ?", rig.id);
  ctx.sql.run("delete from budget_levels where scope = 'rig' and id = ?", rig.id);
  forgetFormulas(ctx, rig.id);
  ctx.sql.run("delete from config where scope = ?", rig.id);
  forgetSecrets(ctx, rig.id);
  ctx.sql.run("delete from rigs where id = ?", rig.id);
  unschedule(ctx, "dispatch", rig.id);
  unschedule(ctx, "rig", rig.id);
  cancelPending(ctx, rig.id);
  audit(ctx, {
    kind: "rig.deleted",
    subject: { type: "rig", id: rig.id },
    rigId: rig.id,
    text: `Rig ${rig.name} removed`,
  });
}

/** Pull requests that people gave to the town: no issue's end is theirs. */
function adoptedMerges(ctx: Ctx, rigId: string): MergeRow[] {
  return ctx.sql.all<MergeRow>(
    "select * from merge_requests where rig_id = ? and adopted = 1 and state not in ('merged', 'failed')",
    rigId,
  );
}

/** Sessions of work that was over already: without their rig they could neither go on nor come back. */
function endWhatIsLeft(ctx: Ctx, rigId: string): void {
  const rows = ctx.sql.all<SessionRow>("select * from sessions where rig_id = ? and state <> 'ended'", rigId);
  for (const session of rows) {
    closeSession(ctx, session, {
      outcome: "stopped",
      reason: { code: "stopped", message: "its rig was removed" },
      gone: false,
    });
  }
}
