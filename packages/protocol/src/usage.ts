/** Costs and budgets, as people and scripts see them (spec/api.md §3.3). */
import { z } from "zod";
import { budget } from "./config.ts";

/** `usdKnown`: every session of the sum said what it cost; else `usd` is a lower bound. */
export const usageSum = z.object({
  tokensIn: z.int(),
  tokensOut: z.int(),
  usd: z.number(),
  usdKnown: z.boolean(),
});
export type UsageSum = z.infer<typeof usageSum>;

const amount = z.object({ tokens: z.int(), usd: z.number() });
export const budgetState = z.object({
  scope: z.enum(["bead", "convoy", "rig", "town_day", "triage_day"]),
  /** The bead, convoy or rig; the day (of the town, of its triage) as `2026-11-25`. */
  id: z.string(),
  limit: budget,
  used: amount,
  /** What live sessions may still use, as far as can be foreseen. */
  reserved: amount,
  /** 1: all of it. */
  share: z.number(),
});
export type BudgetState = z.infer<typeof budgetState>;

export const usageQuery = z.strictObject({
  /** Instants (ISO-8601): from the first to before the second. */
  from: z.iso.datetime({ offset: true }).optional(),
  to: z.iso.datetime({ offset: true }).optional(),
  groupBy: z.enum(["day", "role", "rig", "convoy", "bead", "model"]).optional(),
});
export type UsageQuery = z.infer<typeof usageQuery>;
export const usageAnswer = z.object({
  items: z.array(usageSum.extend({ key: z.string(), sessions: z.int() })),
  budgets: z.array(budgetState),
});
export type UsageAnswer = z.infer<typeof usageAnswer>;
