/** A town in a real SQLite file, as the Node host opens it, with agents at work in every slot. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openTown, type ClaimedEffect, type EffectAnswer, type Sql, type Town } from "@gastown/town";
import { nodeSql, sqlOptions } from "../../apps/node/src/storage/node-sql.ts";
import { interruptionCounter } from "../lib/interruptions.ts";
import { addLiveBeads, type LiveBeads } from "./live-beads.ts";

const PERSON = { kind: "person", id: "user_local", name: "you" } as const;
const TOWN = { id: "town_00000000000000000000000001", name: "bench" };
const INSTANCE = "run_00000000000000000000000001";
const RIGS = ["web", "api", "docs", "tools"];
const START = 1_790_000_000_000;
const HEAD = "0123456789abcdef0123456789abcdef01234567";
const NO_USAGE = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };
const MANY_ROUNDS = 1_000;

export interface TimedTick {
  readonly ms: number;
  /** Another process was given the processor meanwhile. */
  readonly interrupted: boolean;
  readonly ran: number;
  readonly applied: number;
}

export class MeasuredTown {
  readonly size: number;
  readonly town: Town;
  readonly beads: LiveBeads;
  readonly sql: Sql;
  readonly #db: DatabaseSync;
  /** Its own clock stands still between ticks, so nothing else becomes due. */
  #now = START;

  /** @param folder where its file is made */
  constructor(folder: string, size: number) {
    this.size = size;
    this.#db = new DatabaseSync(join(folder, `town-${size}.sqlite`), sqlOptions);
    this.#db.exec("pragma journal_mode = wal; pragma synchronous = normal;");
    this.sql = nodeSql(this.#db);
    const random = (): Uint8Array => crypto.getRandomValues(new Uint8Array(16));
    const ports = { sql: this.sql, now: () => this.#now, random, fallbackRuntime: "scripted" };
    this.town = openTown(ports, TOWN);
    this.town.registerRunner(INSTANCE);
    this.town.setConfig({ limits: { max_agents: 50 } }, PERSON);
    const rigs = RIGS.map((name) => this.town.addRig({ name, gitUrl: `/repo/${name}.git` }, PERSON).id);
    this.settle();
    this.beads = addLiveBeads(this.sql, rigs, size, this.#now);
    for (const rig of rigs) this.makeDue("dispatch", rig);
    this.settle();
  }

  close(): void {
    this.#db.close();
  }

  makeDue(kind: string, id: string): void {
    this.sql.run(
      `insert into schedule (kind, id, due_at) values (?1, ?2, ?3)
       on conflict (kind, id) do update set due_at = excluded.due_at`,
      kind,
      id,
      this.#now,
    );
  }

  timedTick(): TimedTick {
    this.#now += 1;
    const wasInterrupted = interruptionCounter();
    const began = performance.now();
    const { ran, applied } = this.town.tick();
    const ms = performance.now() - began;
    return { ms, interrupted: wasInterrupted(), ran, applied };
  }

  /** A slot becomes free: the oldest session is evicted, which counts as no failure (so many would open the breaker). */
  freeSlot(): void {
    // The one that began first, so that every rig has its turn.
    const session = this.town.sessions({ live: true }).findLast(({ role }) => role === "polecat");
    if (session === undefined) throw new Error("no polecat is at work");
    this.town.post({
      type: "session_ended",
      sessionId: session.id,
      ended: {
        epoch: this.#epochOf(session.id),
        outcome: "evicted",
        reason: { code: "evicted", message: "its runner made room" },
        work_ref: null,
        usage: NO_USAGE,
      },
    });
  }

  /** Ticks, and carries out what is wanted like an obedient runner, until nothing more happens. */
  settle(): void {
    for (let round = 0; round < MANY_ROUNDS; round += 1) {
      const { applied, ran } = this.town.tick();
      const effects = this.town.claimEffects();
      for (const effect of effects) this.#carryOut(effect);
      if (applied + ran + effects.length === 0) return;
    }
    throw new Error("the town did not come to rest");
  }

  #epochOf(sessionId: string): number {
    const row = this.sql.get<{ epoch: number }>("select epoch from sessions where id = ?", sessionId);
    return row?.epoch ?? 0;
  }

  #carryOut({ id, attempt, request }: ClaimedEffect): void {
    const outcome = { outcome: "rig_ready", default_branch: "main", head_sha: HEAD } as const;
    const answer: EffectAnswer =
      request.kind === "setup_rig" ? { type: "outcome", outcome } : { type: "done" };
    this.town.post({ type: "effect_answered", effectId: id, attempt, answer });
    if (request.kind !== "start_session") return;
    const { session_id: sessionId, epoch } = request.plan;
    this.town.toolsListed(sessionId);
    this.town.post({ type: "session_status", sessionId, epoch, phase: "first_turn" });
  }
}
