/** Costs as people read them. */
import type { BudgetState } from "@gastown/protocol";

export function tokens(count: number): string {
  return count.toLocaleString("en");
}

/** `≥`: some agents do not say what they cost. */
export function money({ usd, usdKnown }: { usd: number; usdKnown: boolean }): string {
  return `${usdKnown ? "" : "≥ "}$${usd.toFixed(2)}`;
}

/** `day 2026-11-25: 80 % (8,000 of 10,000 tokens)`. */
export function budgetText({ scope, id, limit, used, share }: BudgetState): string {
  const daily = { town_day: "day", triage_day: "triage of day" } as const;
  const isDaily = scope === "town_day" || scope === "triage_day";
  const name = isDaily ? daily[scope] : scope;
  const shown = isDaily ? id : `${scope}_${id.slice(-8).toLowerCase()}`;
  const parts = [
    limit.tokens === undefined ? [] : [`${tokens(used.tokens)} of ${tokens(limit.tokens)} tokens`],
    limit.usd === undefined ? [] : [`$${used.usd.toFixed(2)} of $${limit.usd.toFixed(2)}`],
  ].flat();
  const hard = limit.hard === true ? ", hard" : "";
  return `${name} ${shown}: ${Math.floor(share * 100)} % (${parts.join(", ")}${hard})`;
}
