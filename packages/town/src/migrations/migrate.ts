/** Numbered migrations, run when a town is opened (spec/town.md §1). */
import { GastownError } from "@gastown/protocol";
import type { Sql } from "../kernel/sql.ts";
import { initial } from "./0001-initial.ts";
import { breaker } from "./0002-breaker.ts";
import { pullRequests } from "./0003-pull-requests.ts";
import { nudges } from "./0004-nudges.ts";
import { budgets } from "./0005-budgets.ts";
import { updateRounds } from "./0006-update-rounds.ts";
import { secrets } from "./0007-secrets.ts";
import { mail } from "./0008-mail.ts";
import { runnerIdle } from "./0009-runner-idle.ts";
import { reassign } from "./0010-reassign.ts";
import { molecules } from "./0011-molecules.ts";
import { triage } from "./0012-triage.ts";
import { capacity } from "./0013-capacity.ts";
import { mayorQueue } from "./0014-mayor.ts";
import { launch } from "./0015-launch.ts";
import { lanes } from "./0016-lanes.ts";
import { giveWay } from "./0017-give-way.ts";
import { scale } from "./0018-scale.ts";
import { settleHead } from "./0019-settle-head.ts";
import { preferred } from "./0020-preferred.ts";
import { lists } from "./0021-lists.ts";
import { usageLives } from "./0022-usage.ts";
import { modelWaits } from "./0023-model-waits.ts";
import { snoozes } from "./0024-snoozes.ts";
import { permissions } from "./0025-permissions.ts";
import { threadVerdicts } from "./0026-thread-verdicts.ts";
import { routedQuestions } from "./0027-routed-questions.ts";
import { sessionLogs } from "./0028-session-logs.ts";
import { runnerLosses } from "./0029-runner-losses.ts";
import { mayorRest } from "./0030-mayor-rest.ts";
import { pollIndex } from "./0031-poll-index.ts";
import { beadLaunch } from "./0032-bead-launch.ts";
import { oldRefs } from "./0033-old-refs.ts";

/** In order, and append-only: `landed.ts` has the hash of each. */
export const MIGRATIONS: readonly string[] = [
  initial,
  breaker,
  pullRequests,
  nudges,
  budgets,
  updateRounds,
  secrets,
  mail,
  runnerIdle,
  reassign,
  molecules,
  triage,
  capacity,
  mayorQueue,
  launch,
  lanes,
  giveWay,
  scale,
  settleHead,
  preferred,
  lists,
  usageLives,
  modelWaits,
  snoozes,
  permissions,
  threadVerdicts,
  routedQuestions,
  sessionLogs,
  runnerLosses,
  mayorRest,
  pollIndex,
  beadLaunch,
  oldRefs,
];
export const SCHEMA_VERSION: number = MIGRATIONS.length;

/**
 * Brings a database to this version, one transaction a step.
 * Throws `not_ready` for a database of a newer version, which is not touched.
 */
export function migrate(sql: Sql): void {
  migrateTo(sql, SCHEMA_VERSION);
}

/** The same, to an earlier version: what was written by it is read into that (an imported town). */
export function migrateTo(sql: Sql, wanted: number): void {
  sql.exec(
    "create table if not exists schema_version (id integer primary key check (id = 1), version integer not null) strict",
  );
  const found = sql.get<{ version: number }>("select version from schema_version where id = 1")?.version ?? 0;
  if (found > SCHEMA_VERSION) {
    throw new GastownError(
      "not_ready",
      `This town's database has schema version ${found}, but this gastown knows only up to ${SCHEMA_VERSION}. Use the newer gastown that wrote it.`,
    );
  }
  for (let version = found + 1; version <= wanted; version++) {
    sql.transaction(() => {
      sql.exec(MIGRATIONS[version - 1] ?? "");
      sql.run(
        "insert into schema_version (id, version) values (1, ?1) on conflict (id) do update set version = ?1",
        version,
      );
    });
  }
}
