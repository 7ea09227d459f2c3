/**
 * Looks at every transaction: the invariants that stored state shows, and those that only the world
 * can judge, which it asks as the audit tells of them (spec/town.md §8).
 */
import type { Row, Sql, Town } from "@gastown/town";
import type { World } from "../world/world.ts";
import { notGreen } from "./green.ts";
import { startedAfterRest } from "./rests.ts";
import { startedWithinBudget, stoppedAtHardBudgets } from "./spending.ts";
import { ViolationFound } from "./violation.ts";

type AuditRow = Row & {
  seq: number;
  at: number;
  kind: string;
  actor: string;
  from_state: string | null;
  to_state: string | null;
  subject_id: string;
  bead_id: string | null;
  session_id: string | null;
  text: string;
};
type Merge = Row & {
  bead_id: string;
  source_id: string;
  rig_id: string;
  target: string;
  head_sha: string;
  reviewed_sha: string | null;
  state: string;
  strategy: string;
  pr_url: string | null;
  merged_head: string | null;
  merged_outside: number;
};

const DONE = "'merged', 'pushed', 'no_changes', 'done_elsewhere', 'moot', 'waived', 'landed', 'answered'";

/** Of the transactions that recorded nothing, one in so many is checked. */
const CHECK_EVERY = 16;

export class Watcher {
  readonly #world: World;
  readonly #sql: Sql;
  readonly #everyStep: boolean;
  #quiet = 0;
  #seen = 0;
  /** The town's time at its last entry. */
  #at = 0;
  /** Whether anybody set one. */
  #budgets = false;
  /** Heads that a reviewer, a person or a rig without review let through, as `merge request head`. */
  readonly #approved = new Set<string>();
  merged = 0;

  /** `everyStep`: all invariants after every transaction, also after one that recorded nothing. */
  constructor(world: World, sql: Sql, everyStep: boolean) {
    this.#everyStep = everyStep;
    this.#world = world;
    this.#sql = sql;
  }

  /** The database stands at an earlier point again: what is recorded from there on is new. */
  rewound(): void {
    this.#seen = this.#sql.get<{ seq: number | null }>("select max(seq) as seq from audit")?.seq ?? 0;
  }

  /** After every transaction. Throws `ViolationFound`. */
  look(town: Town): void {
    const rows = this.#sql.all<AuditRow>("select * from audit where seq > ? order by seq", this.#seen);
    for (const row of rows) {
      this.#seen = row.seq;
      this.#at = row.at;
      this.#world.note(() => `  ${row.kind}: ${row.text} [${row.bead_id ?? row.subject_id}]`);
      this.#judge(town, row);
    }
    // Every change of a state is in the audit; what has none is looked at now and then.
    if (rows.length === 0 && this.#quiet++ % CHECK_EVERY !== 0 && !this.#everyStep) return;
    if (this.#budgets) stoppedAtHardBudgets(town, this.#sql, this.#at);
    for (const violation of town.checkInvariants())
      throw new ViolationFound(violation.id, `${violation.title}: ${violation.subjects.join(", ")}`);
  }

  #judge(town: Town, row: AuditRow): void {
    if (row.to_state !== null && row.kind !== "pr.status_changed") this.#moved(row);
    switch (row.kind) {
      case "merge.landed":
      case "pr.merged":
        return this.#landed(row.subject_id);
      case "review.approved":
      case "review.completed":
        return this.#approval(town, row);
      case "session.created":
        startedAfterRest(this.#sql, row.subject_id, row.at);
        if (this.#budgets) startedWithinBudget(town, this.#sql, row.subject_id, row.at);
        return this.#begins(row);
      case "config.updated":
        this.#budgets = this.#sql.get("select 1 from config where value like '%\"budgets\"%'") !== undefined;
        return;
      case "reconciler.controller_failed":
      case "reconciler.dead_letter":
        throw new ViolationFound(10, row.text);
    }
  }

  /** 3: what has ended once stays so, whatever the move says of where it came from. Pull requests are the forge's. */
  #moved(row: AuditRow): void {
    const ended = this.#sql.get(
      `select 1 from audit where subject_id = ? and seq < ? and kind <> 'pr.status_changed'
         and to_state in ('closed', 'merged', 'landed', 'ended')`,
      row.subject_id,
      row.seq,
    );
    if (ended !== undefined) throw new ViolationFound(3, row.text);
  }

  #merge(id: string): Merge | undefined {
    return this.#sql.get<Merge>("select * from merge_requests where bead_id = ?", id);
  }

  /** 5: what is recorded as merged is in the target, at the reviewed head. */
  #landed(id: string): void {
    const merge = this.#merge(id);
    if (!merge) return;
    this.merged++;
    if (merge.strategy === "pr") return this.#pullLanded(merge);
    const remote = this.#world.remote(merge.rig_id);
    const target = remote.branch(merge.target);
    const head = merge.reviewed_sha;
    if (head === null || target === null || !remote.history.landed(head, target))
      throw new ViolationFound(5, `${id} is recorded as merged, but its reviewed head has not landed`);
  }

  /** The forge says so, at that head, and names a commit that is in the target. */
  #pullLanded(merge: Merge): void {
    const pull = this.#world.forge.at(merge.pr_url ?? "");
    const target = this.#world.remote(merge.rig_id).branch(merge.target);
    const contained =
      pull.mergeCommit !== null && target !== null && this.#world.history.contains(target, pull.mergeCommit);
    if (pull.state !== "merged" || pull.head !== merge.merged_head || !contained)
      throw new ViolationFound(5, `${merge.bead_id} is recorded as merged, but its pull request is not`);
    if (merge.merged_outside === 0 && merge.merged_head !== merge.reviewed_sha)
      throw new ViolationFound(5, `${merge.bead_id} was merged by the town at a head that was not reviewed`);
  }

  /** 6: a merge is asked for only where the last reading that the town had was green at that head. */
  askedToMerge(url: string, head: string): void {
    const shown = this.#world.forge.shown.get(url);
    const why = shown === undefined ? "it was never read" : notGreen(shown, head);
    if (why !== null) throw new ViolationFound(6, `${url} was to be merged at ${head}, though ${why}`);
  }

  #approval(town: Town, row: AuditRow): void {
    const merge = this.#merge(row.subject_id);
    if (!merge) return;
    const key = `${merge.bead_id} ${merge.head_sha}`;
    const byPerson = row.actor.includes('"kind":"person"');
    const reviewOff = !town.rigConfig(merge.rig_id).effective.review.code_review;
    const target = this.#world.remote(merge.rig_id).branch(merge.target) ?? merge.head_sha;
    if (!byPerson && !reviewOff && !this.#wasApproved(merge.bead_id, merge.head_sha, target))
      throw new ViolationFound(
        6,
        `${merge.bead_id} was approved at a head that nobody approved: ${row.text}`,
      );
    this.#approved.add(key);
  }

  /** 6 and 14: what a runner has just pushed was approved at that head, free to go, and new there. */
  pushed(): void {
    for (const remote of this.#world.remotes()) {
      for (const event of remote.merges) {
        if (event.judged) continue;
        event.judged = true;
        const twice = remote.merges.filter(
          (other) => other.head === event.head && other.target === event.target,
        );
        if (twice.length > 1)
          throw new ViolationFound(14, `${event.head} was merged twice into ${event.target}`);
        this.#mayLand(remote.rigId, event);
      }
    }
  }

  #mayLand(rigId: string, event: { head: string; target: string; commit: string }): void {
    const merges = this.#sql.all<Merge>(
      "select * from merge_requests where rig_id = ? and target = ?",
      rigId,
      event.target,
    );
    const merge = merges.find((one) => this.#wasApproved(one.bead_id, event.head, event.commit));
    if (!merge)
      throw new ViolationFound(
        6,
        `${event.head} was merged into ${event.target}, and nobody had approved it`,
      );
    // One that was opened again while it landed has the merge withdrawn, which may come too late.
    const open = this.#sql.get<{ id: string }>(
      `select b.id from dependencies d join beads b on b.id = d.to_id
       where d.from_id in (?1, ?2) and d.kind = 'blocks' and b.status in ('open', 'in_progress', 'in_review') and b.waived = 0
         and not exists (select 1 from audit a where a.subject_id = b.id and a.kind = 'bead.retried'
           and a.seq > (select max(l.seq) from audit l where l.subject_id = ?1 and l.kind = 'merge.started'))`,
      merge.bead_id,
      merge.source_id,
    );
    if (open && merge.state === "landing")
      throw new ViolationFound(6, `${merge.bead_id} was merged with an open blocker ${open.id}`);
  }

  /** Approved at that head, or at the one of which it is only the target's newer commits apart. */
  #wasApproved(beadId: string, head: string, target: string): boolean {
    const { history, approvals } = this.#world;
    let at: string | undefined = head;
    while (at !== undefined) {
      const key = `${beadId} ${at}`;
      if (this.#approved.has(key) || approvals.has(key)) return true;
      const [first]: readonly string[] = history.get(at).parents;
      at = first !== undefined && history.isOnlyUpdate(at, first, target) ? first : undefined;
    }
    return false;
  }

  /** 2: what comes from another life of a session, or from one that has ended, changes nothing. */
  letThrough(claims: { sessionId: string; epoch: number }, how: { live: boolean; changed: boolean }): void {
    if (!how.changed) return;
    const session = this.#sql.get<{ epoch: number }>(
      "select epoch from sessions where id = ?",
      claims.sessionId,
    );
    if (!how.live || session?.epoch !== claims.epoch)
      throw new ViolationFound(2, `a call of ${claims.sessionId} at epoch ${claims.epoch} was let through`);
  }

  /** 7: nothing begins before all that it waits for is done, or broken where that is skipped. */
  #begins(row: AuditRow): void {
    if (row.bead_id === null) return;
    const blocker = this.#sql.get<{ id: string; status: string; reason: string | null }>(
      `select b.id, b.status, b.reason from dependencies d join beads b on b.id = d.to_id
       join beads f on f.id = d.from_id
       where d.from_id = ? and d.kind = 'blocks' and f.type = 'issue' and b.waived = 0
         and not (b.status = 'closed' and (b.type = 'escalation' or b.reason in (${DONE}))) limit 1`,
      row.bead_id,
    );
    if (!blocker) return;
    const skips = this.#sql.get<{ value: string }>(
      "select value from config where value like '%\"skip\"%' limit 1",
    );
    const broken = blocker.status === "failed" || blocker.status === "closed";
    if (!broken || !skips)
      throw new ViolationFound(
        7,
        `${row.bead_id} began before its blocker ${blocker.id} (${blocker.status})`,
      );
  }
}
