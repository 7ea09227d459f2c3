/** How a convoy stands: counted, so that a convoy of a thousand costs an event no thousand rows. */
import type { BeadRow } from "../beads/bead-row.ts";
import { isBroken, isDone } from "../beads/done.ts";
import type { Ctx } from "../kernel/context.ts";
import type { Row } from "../kernel/sql.ts";

/** So many members stand alike. */
type Tally = Row & Pick<BeadRow, "type" | "status" | "reason" | "waived"> & { n: number };

export interface Progress {
  total: number;
  closed: number;
  waived: number;
  failed: number;
  inProgress: number;
  inReview: number;
  done: number;
}

/** Answered by the index `beads_tally` alone; members are as in `members`. */
export function progress(ctx: Ctx, convoyId: string): Progress {
  const tallies = ctx.sql.all<Tally>(
    `select type, status, reason, waived, count(*) as n from beads
     where convoy_id = ? and type = 'issue' group by type, status, reason, waived`,
    convoyId,
  );
  const count = (test: (tally: Tally) => boolean): number =>
    tallies.filter(test).reduce((sum, { n }) => sum + n, 0);
  return {
    total: count(() => true),
    // Not those that were waived, however they stand: with them it is what is done.
    closed: count((tally) => tally.status === "closed" && tally.waived === 0 && isDone(tally)),
    waived: count((tally) => tally.waived === 1),
    failed: count(isBroken),
    inProgress: count((tally) => tally.status === "in_progress"),
    inReview: count((tally) => tally.status === "in_review"),
    done: count(isDone),
  };
}
