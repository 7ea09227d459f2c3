/**
 * The simulator finds what it is there for: each of these engines or runners has one rule less, and
 * some seed shows it. `seeds` is how many are tried at most.
 */
import { withSql } from "#host";
import type { Fact, Sql } from "@gastown/town";
import { describe, expect, it } from "vitest";
import { scenarioOf, simulate, type Result, type ScenarioChanges } from "./index.ts";
import type { SimulateOptions } from "./simulate.ts";

interface Mutation {
  rule: string;
  /** Numbers of invariants of which breaking the rule must break one. */
  breaks: number[];
  seeds: number;
  changes?: ScenarioChanges;
  /** Texts of statements, and what is carried out instead. */
  sql?: (readonly [from: string, to: string])[];
  town?: SimulateOptions["breakTown"];
  lacks?: SimulateOptions["lacks"];
}

const MUTATIONS: Mutation[] = [
  {
    rule: "a call of an earlier life of a session is fenced",
    breaks: [2],
    seeds: 60,
    town: (town) => ({
      ...town,
      authorizeSession: (claims, options) =>
        town.authorizeSession(
          { ...claims, epoch: town.launchPlan(claims.sessionId)?.epoch ?? claims.epoch },
          options,
        ),
    }),
  },
  {
    rule: "a merge asks first whether the work has landed",
    breaks: [14],
    seeds: 60,
    lacks: "landed_question",
  },
  {
    rule: "a bead waits for its blockers",
    breaks: [7, 6],
    seeds: 20,
    sql: [
      [
        "where d.from_id = ? and d.kind = 'blocks' order by b.created_at",
        "where d.from_id = ? and d.kind = 'none' order by b.created_at",
      ],
    ],
  },
  {
    rule: "the end of a blocker wakes what waits for it",
    breaks: [10],
    seeds: 20,
    sql: [
      [
        "select from_id from dependencies where to_id = ? and kind = 'blocks'",
        "select from_id from dependencies where to_id = ? and kind = 'none'",
      ],
    ],
  },
  {
    rule: "what a dead host had in flight is taken up again",
    breaks: [10, 11, 14],
    seeds: 60,
    sql: [
      [
        "update outbox set state = 'pending', due_at = ? where state = 'running'",
        "update outbox set state = 'done', due_at = ? where state = 'running'",
      ],
    ],
  },
  {
    rule: "an effect whose answer is lost is sent again",
    breaks: [10, 14],
    seeds: 60,
    changes: { faults: ["work_forgotten"] },
    sql: [
      [
        "where state in ('running', 'accepted') and deadline <= ?1",
        "where state in ('running', 'accepted') and deadline <= ?1 - 9000000000",
      ],
    ],
  },
  {
    rule: "a session that nobody hears of is lost",
    breaks: [10, 15],
    seeds: 60,
    changes: { faults: ["session_forgotten"] },
    town: (town) => ({
      ...town,
      post: (fact) => {
        const isUnknown =
          fact.type === "effect_answered" &&
          fact.answer.type === "refused" &&
          fact.answer.reason.code === "session_unknown";
        return town.post(isUnknown ? { ...fact, answer: { type: "done" } } : fact);
      },
    }),
  },
  {
    rule: "a pull request is merged only where its threads are resolved and its checks are green",
    breaks: [6],
    seeds: 60,
    changes: { faults: ["forge_comment", "forge_check_red"] },
    town: (town) => ({ ...town, post: (fact) => town.post(withoutTrouble(fact)) }),
  },
  {
    rule: "a verdict counts for the head that was reviewed",
    breaks: [6],
    seeds: 60,
    town: (town) => ({
      ...town,
      giveVerdict: (id, verdict) =>
        town.giveVerdict(id, verdict.kind === "approve" ? verdict : { kind: "approve", summary: "" }),
    }),
  },
  {
    rule: "a command that closes a bead ends its merge request",
    breaks: [4],
    seeds: 40,
    sql: [
      [
        "select * from merge_requests where source_id = ? and state not in ('merged', 'failed')",
        "select * from merge_requests where source_id = ? and state = 'queued'",
      ],
    ],
  },
  {
    rule: "a convoy lands what its members merged into its branch",
    breaks: [8],
    seeds: 40,
    sql: [["lands_convoy = 0 and state = 'merged' limit 1", "lands_convoy = 0 and state = 'never' limit 1"]],
  },
  {
    rule: "work is saved before its worktree is gone",
    breaks: [12],
    seeds: 60,
    lacks: "saved_work",
  },
  {
    rule: "a credential is in no settings",
    breaks: [13],
    seeds: 20,
    town: (town) => ({
      ...town,
      setConfig: (config, actor, secrets) => {
        const [secret] = secrets ?? [];
        town.setConfig({ ...config, default_model: secret?.sealed ?? "any" }, actor, secrets);
      },
    }),
  },
  {
    rule: "what ended sessions cost counts for the budget",
    breaks: [16],
    seeds: 60,
    sql: [["from spend where scope = ? and id = ?", "from spend where scope = ? and id = 'none' || ?"]],
  },
  {
    rule: "a hard budget stops what lives",
    breaks: [16],
    seeds: 60,
    sql: [
      [
        "update sessions set stop_requested = ?, deadline = ? where id = ?",
        "update sessions set stop_requested = null where ?1 is null and ?2 is null and id = ?3",
      ],
    ],
  },
  {
    rule: "an agent has one session at a time",
    breaks: [1],
    seeds: 20,
    sql: [
      [
        "exists (select 1 from sessions s where s.agent_id = a.id and s.state <> 'ended') as live",
        "exists (select 1 from sessions s where s.agent_id = a.id and s.state = 'never') as live",
      ],
      [
        "select s.gone from sessions s where s.agent_id = a.id order by s.started_at desc limit 1",
        "select 1",
      ],
      ["create unique index sessions_live_agent", "create index sessions_live_agent"],
    ],
  },
  {
    rule: "a closed bead stays closed",
    breaks: [3],
    seeds: 60,
    changes: { faults: ["person_cancel", "person_retry"] },
    sql: [
      [
        "select * from beads where id = ?",
        "select *, case status when 'closed' then 'failed' else status end as status from beads where id = ?",
      ],
      [
        "update beads set status = ?1 where id = ?2 and status = ?3",
        "update beads set status = ?1 where id = ?2 and ?3 <> ''",
      ],
    ],
  },
  {
    rule: "a bead rests after a start that failed",
    breaks: [9],
    seeds: 20,
    changes: { faults: ["start_refused"] },
    sql: [
      ["start_failures = ?, cooldown_until = ? where", "start_failures = ?, cooldown_until = 0 * ? where"],
    ],
  },
  {
    rule: "a town for which nothing is due sets no timer",
    breaks: [11],
    seeds: 3,
    town: (town, now) => ({
      ...town,
      tick: () => {
        const ticked = town.tick();
        return { ...ticked, nextWakeAt: Math.min(ticked.nextWakeAt ?? Infinity, now() + 300_000) };
      },
    }),
  },
];

/** A reading as an engine would see it that looks at neither threads nor checks. */
function withoutTrouble(fact: Fact): Fact {
  if (fact.type !== "effect_answered" || fact.answer.type !== "forge") return fact;
  const { answer } = fact.answer;
  if (answer.of !== "poll" || "kind" in answer.reading || !answer.reading.signals) return fact;
  const { signals, outcome } = answer.reading;
  const threads = { state: "known" as const, unresolved: [] };
  const checks =
    signals.checks.state === "known"
      ? {
          ...signals.checks,
          items: signals.checks.items.map((item) => ({ ...item, state: "success" as const })),
        }
      : signals.checks;
  const reading = { outcome, signals: { ...signals, threads, checks } };
  return { ...fact, answer: { ...fact.answer, answer: { ...answer, reading } } };
}

function mutated(sql: Sql, mutation: Mutation): Sql {
  const { sql: change } = mutation;
  if (!change) return sql;
  const other = (text: string): string =>
    change.reduce((changed, [from, to]) => changed.replace(from, to), text);
  return {
    exec: (script) => sql.exec(other(script)),
    all: (text, ...values) => sql.all(other(text), ...values),
    get: (text, ...values) => sql.get(other(text), ...values),
    run: (text, ...values) => sql.run(other(text), ...values),
    transaction: (fn) => sql.transaction(fn),
  };
}

const run = (seed: number, mutation: Mutation): Promise<Result> =>
  withSql((sql) =>
    simulate(scenarioOf(seed, mutation.changes), mutated(sql, mutation), {
      ...(mutation.town === undefined ? {} : { breakTown: mutation.town }),
      ...(mutation.lacks === undefined ? {} : { lacks: mutation.lacks }),
    }),
  );

describe("an engine without this rule is found out", () => {
  it.each(MUTATIONS)(
    "$rule",
    async (mutation) => {
      const found = new Set<number>();
      for (let seed = 1; seed <= mutation.seeds; seed++) {
        const { violation } = await run(seed, mutation);
        if (violation) found.add(violation.invariant);
        if (violation && mutation.breaks.includes(violation.invariant)) return;
      }
      expect([...found]).toEqual(mutation.breaks);
    },
    120_000,
  );
});
