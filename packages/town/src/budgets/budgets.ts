/** Limits on what may be spent: what holds for a scope, and whether it is reached (spec/town.md §5). */
import type { Budget } from "@gastown/protocol";
import type { Waiting } from "../beads/waiting.ts";
import { settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { isDaily, nextDay, used, type Amount, type Charged, type Scope, scopesOf } from "./spend.ts";

/** Those that concern one bead alone; the others are gates that its whole rig shares. */
export const OWN: readonly Scope[] = ["bead", "convoy"];
export const SHARED: readonly Scope[] = ["rig", "town_day"];

export const EVERY: readonly Scope[] = [...OWN, ...SHARED];

export const SCOPE_NAMES: Record<Scope, string> = {
  bead: "bead",
  convoy: "convoy",
  rig: "rig",
  town_day: "day",
  triage_day: "day of triage",
};

/** The limit of a scope, as the settings of that rig (or of the town) say; null: none. */
export function budgetOf(ctx: Ctx, scope: Scope, rigId: string | null): Budget | null {
  return settings(ctx, isDaily(scope) ? null : rigId).budgets[scope];
}

/** How much of a budget an amount is: 1 is all of it. */
export function share(budget: Budget, amount: Amount): number {
  const tokens = budget.tokens === undefined ? 0 : part(amount.tokens, budget.tokens);
  const usd = budget.usd === undefined ? 0 : part(amount.usd, budget.usd);
  return Math.max(tokens, usd);
}

/** A limit of nothing is reached by nothing. */
function part(amount: number, limit: number): number {
  return limit === 0 ? 1 : amount / limit;
}

/** `12,000 of 10,000 tokens`, and money where it is limited. */
export function told(budget: Budget, amount: Amount): string {
  const parts = [
    budget.tokens === undefined
      ? null
      : `${amount.tokens.toLocaleString("en")} of ${budget.tokens.toLocaleString("en")} tokens`,
    budget.usd === undefined ? null : `$${amount.usd.toFixed(2)} of $${budget.usd.toFixed(2)}`,
  ];
  return parts.filter((one) => one !== null).join(", ");
}

/** Why nothing more may start that is charged to these scopes; null where every budget has room. */
export function budgetWait(ctx: Ctx, charged: Charged, only: readonly Scope[]): Waiting | null {
  for (const { scope, budget, amount } of spentBudgets(ctx, charged)) {
    if (!only.includes(scope)) continue;
    return {
      code: "budget",
      message: `the budget of this ${SCOPE_NAMES[scope]} is used up: ${told(budget, amount)}`,
      limit: `budgets.${scope}`,
      ...(isDaily(scope) ? { until: nextDay(ctx.now) } : {}),
    };
  }
  return null;
}

interface Spent {
  scope: Scope;
  id: string;
  budget: Budget;
  amount: Amount;
}

/** Every budget of these scopes that is used up. */
export function spentBudgets(ctx: Ctx, charged: Charged): Spent[] {
  return scopesOf(ctx, charged).flatMap(([scope, id]) => {
    const budget = budgetOf(ctx, scope, charged.rigId);
    if (budget === null) return [];
    const amount = used(ctx, scope, id);
    return share(budget, amount) < 1 ? [] : [{ scope, id, budget, amount }];
  });
}

/** Whether the day's budget stops even the mayor: only where it is hard. Until when, or null. */
export function hardDayUntil(ctx: Ctx): number | null {
  const budget = budgetOf(ctx, "town_day", null);
  if (!budget?.hard) return null;
  return budgetWait(ctx, { beadId: null, convoyId: null, rigId: null }, ["town_day"])?.until ?? null;
}
