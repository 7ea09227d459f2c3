/** Open escalations as things that need a person. */
import type { NeedsYouAction, NeedsYouKind } from "@gastown/protocol";
import { choicesOf, sourceOf, type EscalationRow } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { mergeRow } from "../reviews/merge-row.ts";
import { BEAD_MODEL_GONE, MODEL_GONE } from "../sessions/model-gone.ts";
import { action, type Item } from "./item.ts";

const LISTED = 500;
const LONGEST = 500;

/** By the category that the town gave; what an agent calls its question is only a word. */
const KINDS: Readonly<Record<string, NeedsYouKind>> = {
  permission: "permission",
  bead_failed: "bead_failed",
  blocked_by_failed: "bead_failed",
  convoy_held: "convoy_held",
  convoy_failed: "convoy_held",
  breaker_open: "breaker",
  rounds_exhausted: "rounds_exhausted",
  pr_closed: "pr_closed",
  auth: "credential",
  push_failed: "merge_failed",
  work_bundled: "merge_failed",
  target_red: "merge_failed",
  rig_broken: "rig_or_runtime",
  runner_lost: "rig_or_runtime",
  mayor_unavailable: "rig_or_runtime",
  [MODEL_GONE]: "rig_or_runtime",
};

const WHOLE_TOWN: readonly string[] = ["runner_lost", MODEL_GONE];

/** Told by how full the budget is, instead (`conditions.ts`). */
const TOLD_ELSEWHERE = "budget";

export function questions(ctx: Ctx): Item[] {
  return ctx.sql
    .all<EscalationRow>(
      "select * from escalations where open = 1 and routed_to is null order by created_at limit ?",
      LISTED,
    )
    .filter(({ category, subject }) => category !== TOLD_ELSEWHERE || subject.startsWith("session:"))
    .map((row) => question(ctx, row));
}

function question(ctx: Ctx, row: EscalationRow): Item {
  const { rigId = null, beadId, convoyId = null } = sourceOf(row);
  const kind = kindOf(ctx, row);
  const remedy = remedyOf(kind, row);
  const [primary = action("Answer", "escalations.resolve", { escalationId: row.bead_id }), ...others] =
    choicesOf(row).map(({ id, label }) =>
      action(label, "escalations.resolve", { escalationId: row.bead_id, choice: id }),
    );
  return {
    kind,
    question: row.title,
    because: row.body.slice(0, LONGEST),
    since: row.created_at,
    severity: row.severity,
    object: { type: "escalation", id: row.bead_id },
    rigId,
    convoyId,
    holds: holdsOf(kind, row, { rigId, beadId, convoyId }),
    primary: remedy ?? primary,
    others: [
      ...(remedy === null ? [] : [primary]),
      ...others,
      ...(row.acknowledged_at === null
        ? [action("Acknowledge", "escalations.acknowledge", { escalationId: row.bead_id })]
        : []),
    ],
  };
}

/** A change that ends what it is about, rather than an answer to it. */
function remedyOf(kind: NeedsYouKind, { category, subject }: EscalationRow): NeedsYouAction | null {
  if (category === BEAD_MODEL_GONE)
    return action("Choose another model", "beads.update", { beadId: subject });
  if (kind === "credential") return action("Replace credential", "config.update", { key: "credentials" });
  if (category !== MODEL_GONE) return null;
  return action("Choose another model", "config.update", { key: "default_model" });
}

function kindOf(ctx: Ctx, row: EscalationRow): NeedsYouKind {
  if (row.subject.startsWith("session:")) return "question";
  const known = KINDS[row.category];
  if (known !== undefined) return known;
  return mergeRow(ctx, row.subject) === undefined ? "question" : "merge_failed";
}

function holdsOf(
  kind: NeedsYouKind,
  row: EscalationRow,
  { rigId, beadId, convoyId }: { rigId: string | null; beadId: string | undefined; convoyId: string | null },
): Item["holds"] {
  if (kind === "breaker" || WHOLE_TOWN.includes(row.category)) return { type: "town", id: "" };
  if (kind === "convoy_held") return { type: "convoy", id: row.subject };
  if (kind === "rig_or_runtime") return rigId === null ? null : { type: "rig", id: rigId };
  if (beadId !== undefined) return { type: "bead", id: beadId };
  return convoyId === null ? null : { type: "convoy", id: convoyId };
}
