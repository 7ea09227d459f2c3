/** What a session of a role is likely to cost: the median of the last ones (spec/town.md §5). */
import type { Role } from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import { NOTHING, type Amount } from "./spend.ts";

const SAMPLE = 51;

/** Nothing where no session of the role has ended yet. Those of which no cost is known say nothing. */
export function estimate(ctx: Ctx, role: Role): Amount {
  const rows = ctx.sql.all<{ tokens: number; usd: number }>(
    `select tokens_in + tokens_out as tokens, usd from sessions
     where role = ? and state = 'ended' and tokens_in + tokens_out > 0 order by ended_at desc limit ?`,
    role,
    SAMPLE,
  );
  if (rows.length === 0) return NOTHING;
  return { tokens: median(rows.map((row) => row.tokens)), usd: median(rows.map((row) => row.usd)) };
}

/** The lower of the two in the middle, so that it is an amount that was really seen. */
function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
}
