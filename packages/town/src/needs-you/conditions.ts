/** What needs a person without anybody having asked: read from how things stand. */
import type { BudgetState } from "@gastown/protocol";
import type { BeadRow } from "../beads/bead-row.ts";
import { SCOPE_NAMES, told } from "../budgets/budgets.ts";
import { isDaily } from "../budgets/spend.ts";
import type { Ctx } from "../kernel/context.ts";
import { reasonText, UNTOLD_DEAD } from "../outbox/dead-letters.ts";
import type { Row } from "../kernel/sql.ts";
import { attention } from "../reviews/attention.ts";
import { budgetStates } from "../views/usage.ts";
import { action, type Item } from "./item.ts";

const LISTED = 200;
const WARNING = 0.8;

export function conditions(ctx: Ctx): Item[] {
  return [...stagedConvoys(ctx), ...waitingMerges(ctx), ...fullBudgets(ctx), ...deadLetters(ctx)];
}

function stagedConvoys(ctx: Ctx): Item[] {
  const rows = ctx.sql.all<BeadRow & { tasks: number }>(
    `select b.*, (select count(*) from beads m where m.convoy_id = b.id and m.type = 'issue') as tasks
     from convoys c join beads b on b.id = c.bead_id where c.state = 'staged' order by b.created_at limit ?`,
    LISTED,
  );
  return rows.map(({ id, title, tasks, created_at, rig_id }) => ({
    kind: "convoy_staged",
    question: `Start the convoy ${title}?`,
    because: `It is planned (${tasks} ${tasks === 1 ? "task" : "tasks"}) and not started.`,
    since: created_at,
    severity: "low",
    object: { type: "convoy", id },
    rigId: rig_id,
    convoyId: id,
    holds: { type: "convoy", id },
    primary: action("Review plan", "convoys.get", { convoyId: id }),
    others: [
      action("Start", "convoys.start", { convoyId: id }),
      action("Discard", "convoys.close", { convoyId: id }),
    ],
  }));
}

/** Of those that wait for a person, the ones about which no question is open. */
function waitingMerges(ctx: Ctx): Item[] {
  return attention(ctx).flatMap((one): Item[] => {
    const { mergeRequest: merge, sourceBead, category } = one;
    if (category !== "approval" && category !== "manual_merge") return [];
    const { id, title, rigId, convoyId } = merge;
    const isManual = category === "manual_merge";
    return [
      {
        kind: "approval",
        question: isManual ? `Merge ${title}?` : `${title} waits for an approval where it is hosted`,
        because: one.reason,
        since: Date.parse(one.since),
        severity: "low",
        object: { type: "merge_request", id },
        rigId,
        convoyId,
        holds: sourceBead === undefined ? null : { type: "bead", id: sourceBead.id },
        primary: isManual
          ? action("Merge", "merges.mergeNow", { beadId: id, headSha: merge.headSha })
          : action("Open pull request", "merges.get", { beadId: id }),
        others: [action("Dismiss", "merges.dismiss", { beadId: id })],
      },
    ];
  });
}

function fullBudgets(ctx: Ctx): Item[] {
  return budgetStates(ctx)
    .filter(({ share }) => share >= WARNING)
    .map((state) => budgetItem(ctx, state));
}

function budgetItem(ctx: Ctx, { scope, id, limit, used, share }: BudgetState): Item {
  const isSpent = share >= 1;
  const bead = ctx.sql.get<{ rig_id: string | null; title: string }>(
    "select rig_id, title from beads where id = ?",
    id,
  );
  const rigId = scope === "rig" ? id : (bead?.rig_id ?? null);
  const of = bead === undefined ? "" : ` ${bead.title}`;
  return {
    kind: "budget",
    question: `The budget of the ${SCOPE_NAMES[scope]}${of} is ${isSpent ? "used up" : "nearly used up"}`,
    because: told(limit, used),
    since: toldSince(ctx, scope, id),
    severity: isSpent ? "medium" : "low",
    object: { type: isDaily(scope) ? "town" : scope, id: isDaily(scope) ? ctx.townId : id },
    rigId,
    convoyId: scope === "convoy" ? id : null,
    holds: isSpent && scope !== "triage_day" ? { type: scope === "town_day" ? "town" : scope, id } : null,
    primary: action("Raise", isDaily(scope) || rigId === null ? "config.update" : "rigConfig.update", {
      key: `budgets.${scope}`,
      ...(isDaily(scope) || rigId === null ? {} : { rigId }),
    }),
    others: [action("See spending", "towns.usage", { groupBy: isDaily(scope) ? "day" : scope })],
  };
}

/** When it was told that it fills; 0 where that is forgotten. */
function toldSince(ctx: Ctx, scope: string, id: string): number {
  return (
    ctx.sql.get<{ at: number | null }>(
      `select max(at) as at from audit where subject_id = ? and kind in ('budget.warned', 'budget.exhausted')
         and json_extract(data, '$.scope') = ? and json_extract(data, '$.id') = ?`,
      scope === "rig" ? id : ctx.townId,
      scope,
      id,
    )?.at ?? 0
  );
}

type Dead = Row & { id: string; what: string; at: number; result: string | null };

function deadLetters(ctx: Ctx): Item[] {
  const effects = ctx.sql.all<Dead>(
    `select id, kind as what, created_at as at, result from outbox where ${UNTOLD_DEAD} order by id desc limit ?`,
    LISTED,
  );
  const facts = ctx.sql.all<Dead>(
    "select cast(seq as text) as id, type as what, at, error as result from inbox where state = 'dead' order by seq desc limit ?",
    LISTED,
  );
  return [
    ...effects.map((row) => deadLetter("effect", row, "was given up")),
    ...facts.map((row) => deadLetter("inbox", row, "could not be applied")),
  ];
}

function deadLetter(type: "effect" | "inbox", row: Dead, became: string): Item {
  const box = type === "effect" ? "outbox" : "inbox";
  const letter: Record<string, string> = type === "effect" ? { effectId: row.id } : { inboxSeq: row.id };
  return {
    kind: "dead_letter",
    question: `${row.what.replaceAll("_", " ")} ${became}`,
    because: reasonText(row.result) ?? "",
    since: row.at,
    severity: "low",
    object: { type, id: row.id },
    rigId: null,
    convoyId: null,
    holds: null,
    primary: action("Try again", `admin.${box}.retry`, letter),
    others: [
      action("Discard", `admin.${box}.discard`, letter),
      action("See what happened", "events.list", {
        kind: type === "effect" ? "outbox." : "reconciler.",
      }),
    ],
  };
}
