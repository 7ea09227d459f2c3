/**
 * What was spent on days that a clock set back has not reached yet (spec/town.md §4, time). It moves with the
 * sessions that spent it, or the same hours would have their budget twice.
 */
import type { Row, Sql } from "../kernel/sql.ts";
import { dayOf, nextDay } from "./spend.ts";

type Spent = Row & { scope: string; id: string; tokens: number; usd: number };

/**
 * The town's time goes back from `from` to `to` (epoch ms). A day's sum is kept whole, so it goes to the day
 * of its last moment: what is in doubt counts later, which leaves less room and never more.
 */
export function moveSpentDays(sql: Sql, from: number, to: number): void {
  const ahead = sql.all<Spent>(
    "select * from spend where scope in ('town_day', 'triage_day') and id > ? order by id",
    dayOf(to),
  );
  for (const { scope, id, tokens, usd } of ahead) {
    const lastMoment = Math.min(nextDay(Date.parse(id)) - 1, from);
    sql.run("delete from spend where scope = ? and id = ?", scope, id);
    sql.run(
      `insert into spend (scope, id, tokens, usd) values (?1, ?2, ?3, ?4)
       on conflict (scope, id) do update set tokens = tokens + ?3, usd = usd + ?4`,
      scope,
      dayOf(lastMoment - (from - to)),
      tokens,
      usd,
    );
  }
}
