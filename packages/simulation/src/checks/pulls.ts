/** What a town says of its pull requests, against the forge that has them. */
import type { Row, Sql } from "@gastown/town";
import type { World } from "../world/world.ts";
import { ViolationFound } from "./violation.ts";

type Waits = Row & { bead_id: string; code: string | null; pr_url: string | null };

/** Those that are polled. */
export function watchedPulls(sql: Sql): number {
  return (
    sql.get<{ n: number }>(
      "select count(*) as n from merge_requests where pr_url is not null and state not in ('landing', 'merged', 'failed')",
    )?.n ?? 0
  );
}

/** At rest an approved pull request waits for what a person may do there, and that is so there. */
export function checkPulls(world: World, sql: Sql): void {
  const waiting = sql.all<Waits>(
    `select bead_id, json_extract(waiting, '$.code') as code, pr_url from merge_requests m
     where strategy = 'pr' and state = 'approved' and not exists (select 1 from dependencies d join beads b on b.id = d.to_id
       where d.from_id in (m.bead_id, m.source_id) and d.kind = 'blocks' and b.waived = 0 and b.status <> 'closed')`,
  );
  for (const { bead_id, code, pr_url } of waiting) {
    if (pr_url === null || !isTrue(world, pr_url, code))
      throw new ViolationFound(
        10,
        `at the end ${bead_id} waits for ${code ?? "nothing"}, and that is not so on the forge`,
      );
  }
}

function isTrue(world: World, url: string, code: string | null): boolean {
  const pull = world.forge.at(url);
  const base = world.remote(pull.rigId).branch(pull.base);
  switch (code) {
    case "manual":
      return pull.state === "open";
    case "threads":
      return pull.threads.some((thread) => !thread.resolved);
    case "checks": {
      const checks = world.forge.checks(pull);
      return checks.length === 0 || checks.some(({ state }) => state !== "success");
    }
    case "conflict":
      return base !== null && world.history.conflicts(pull.head, base).length > 0;
    default:
      return false;
  }
}
