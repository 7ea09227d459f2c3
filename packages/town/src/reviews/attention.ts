/** Merge requests that wait for a person, and why (spec/api.md §3.8, `merges.attention`). */
import type { AttentionItem } from "@gastown/protocol";
import { readWaiting } from "../beads/waiting.ts";
import { HOUR, type Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { toMergeRequest } from "../views/work.ts";
import { PERSONS_DECISION } from "./fail.ts";
import { judge } from "./judge.ts";
import { liveMergesOf, sourceIssue, type MergeRow } from "./merge-row.ts";
import { readingOf } from "./pull-request.ts";

type Category = AttentionItem["category"];
const STALE = 24 * HOUR;

const ACTIONS: Record<Category, AttentionItem["actions"]> = {
  failed: ["retry", "dismiss"],
  approval: ["open", "refresh"],
  question: ["answer"],
  conflict: ["answer", "dismiss"],
  rounds_exhausted: ["answer"],
  checks_red: ["open", "refresh"],
  manual_merge: ["merge", "hold"],
  stale: ["open", "refresh", "dismiss"],
};

export function attention(ctx: Ctx): AttentionItem[] {
  const rows = ctx.sql.all<MergeRow>(
    `select * from merge_requests where state not in ('merged', 'failed')
     union all select * from merge_requests where state = 'failed' and failure_kind is not 'dismissed'
     order by updated_at desc limit 500`,
  );
  return rows.flatMap((merge) => {
    const found = categoryOf(ctx, merge);
    return found ? [item(ctx, merge, found)] : [];
  });
}

function categoryOf(ctx: Ctx, merge: MergeRow): { category: Category; reason: string; since: number } | null {
  if (merge.state === "failed") return failed(ctx, merge);
  const waiting = readWaiting(merge.waiting);
  if (!waiting) return null;
  const of = (category: Category) => ({ category, reason: waiting.message, since: waiting.since });
  switch (waiting.code) {
    case "question":
      return of(questionCategory(ctx, merge));
    case "approval":
      return of("approval");
    case "manual":
      return of("manual_merge");
    case "conflict":
      return merge.fix_bead_id === null ? of("conflict") : null;
    case "checks":
      return hasRedChecks(merge) ? of("checks_red") : stale(ctx, merge, waiting);
    default:
      return stale(ctx, merge, waiting);
  }
}

/** Only while nothing else was done with the work. */
function failed(ctx: Ctx, merge: MergeRow) {
  if (liveMergesOf(ctx, merge.source_id).some(({ rig_id }) => rig_id === merge.rig_id)) return null;
  const source = sourceIssue(ctx, merge);
  const waits = source
    ? source.held === merge.failure_kind
    : merge.adopted === 1 || PERSONS_DECISION.includes(merge.failure_kind ?? "");
  return waits
    ? { category: "failed" as const, reason: merge.failure_message ?? "", since: merge.updated_at }
    : null;
}

function questionCategory(ctx: Ctx, merge: MergeRow): Category {
  const category = ctx.sql.get<{ category: string }>(
    "select category from escalations where bead_id = ?",
    merge.question_id,
  )?.category;
  if (category === "rounds_exhausted" || category === "conflict") return category;
  return "question";
}

function hasRedChecks(merge: MergeRow): boolean {
  const reading = readingOf(merge);
  if (!reading) return false;
  const { pr, signals } = reading;
  const facts = { pr, signals, target: merge.target, headAt: 0, readAt: 0, requireChecks: false };
  return judge({ ...facts, passing: new Set() }).red.length > 0;
}

/** An open pull request without a change for a day. */
function stale(ctx: Ctx, merge: MergeRow, waiting: { message: string; since: number }) {
  const since = Math.max(waiting.since, merge.updated_at, merge.head_at);
  if (merge.pr_url === null || ctx.now - since < STALE) return null;
  return { category: "stale" as const, reason: waiting.message, since };
}

function item(
  ctx: Ctx,
  merge: MergeRow,
  found: { category: Category; reason: string; since: number },
): AttentionItem {
  const title = (id: string | null) =>
    id === null
      ? undefined
      : ctx.sql.get<{ title: string }>("select title from beads where id = ?", id)?.title;
  const source = sourceIssue(ctx, merge);
  const rig = ctx.sql.get<{ name: string }>("select name from rigs where id = ?", merge.rig_id);
  const agent = ctx.sql.get<{ name: string }>(
    `select a.name from sessions s join agents a on a.id = s.agent_id
     where s.bead_id = ? and s.role = 'polecat' order by s.started_at desc limit 1`,
    merge.source_id,
  );
  return {
    category: found.category,
    since: iso(found.since),
    reason: found.reason,
    actions: ACTIONS[found.category],
    mergeRequest: toMergeRequest(ctx, merge),
    ...(source ? { sourceBead: { id: source.id, title: source.title } } : {}),
    ...(merge.convoy_id ? { convoy: { id: merge.convoy_id, title: title(merge.convoy_id) ?? "" } } : {}),
    rigName: rig?.name ?? "",
    ...(agent ? { agentName: agent.name } : {}),
  };
}
