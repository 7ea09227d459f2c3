/**
 * What the town has not yet acknowledged, on disk (spec/runner.md §1): calls in order per lane,
 * and transcript items. SQLite in WAL mode with `synchronous=NORMAL` survives any death of the
 * process; nothing here is the only copy that matters after a loss of power.
 */
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import type { TranscriptItem } from "@gastown/protocol";
import { z } from "zod";

export interface QueuedCall {
  readonly seq: number;
  /** Calls of one lane are sent in order: a session's id, an effect's id. */
  readonly lane: string;
  readonly path: string;
  readonly body: string;
  /** Session whose transcript must be delivered before this call. */
  readonly after: string | null;
}

export interface ItemBatch {
  readonly sessionId: string;
  readonly epoch: number;
  readonly items: readonly TranscriptItem[];
}

const SCHEMA = `
  create table if not exists call (
    seq integer primary key autoincrement, lane text not null, path text not null, body text not null, after text
  ) strict;
  create index if not exists call_lane on call (lane, seq);
  create table if not exists item (
    session text not null, seq integer not null, epoch integer not null, body text not null, primary key (session, seq)
  ) strict, without rowid;
  create table if not exists cursor (session text primary key, seq integer not null) strict, without rowid;
`;

const callRow = z.object({
  seq: z.number(),
  lane: z.string(),
  path: z.string(),
  body: z.string(),
  after: z.string().nullable(),
});
const itemRow = z.object({ session: z.string(), seq: z.number(), epoch: z.number(), body: z.string() });
const seqRow = z.object({ seq: z.number() });

const MAX_BATCH_BYTES = 400_000;
const MAX_BATCH_ITEMS = 1_000;

export type NewItem = Omit<TranscriptItem, "seq">;

export class Outbox {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec("pragma journal_mode = wal; pragma synchronous = normal;");
    this.#db.exec(SCHEMA);
  }

  close(): void {
    this.#statements.clear();
    this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const made = this.#db.prepare(sql);
    this.#statements.set(sql, made);
    return made;
  }

  add(call: Omit<QueuedCall, "seq">): void {
    const sql = "insert into call (lane, path, body, after) values (?, ?, ?, ?)";
    this.#prepare(sql).run(call.lane, call.path, call.body, call.after);
  }

  /** Forgets the calls of a lane to this path, but for the one that is under way. */
  supersede(lane: string, path: string, underWay: number | undefined): void {
    const sql = "delete from call where lane = ? and path = ? and seq <> ?";
    this.#prepare(sql).run(lane, path, underWay ?? 0);
  }

  /** The oldest call of each lane. */
  heads(): QueuedCall[] {
    const sql = "select * from call where seq in (select min(seq) from call group by lane) order by seq";
    return this.#prepare(sql)
      .all()
      .map((row) => callRow.parse(row));
  }

  remove(seq: number): void {
    this.#prepare("delete from call where seq = ?").run(seq);
  }

  /** Stores items of one session under the next sequence numbers, which outlive the process. */
  addItems(sessionId: string, epoch: number, items: readonly NewItem[]): TranscriptItem[] {
    const insert = this.#prepare("insert into item (session, seq, epoch, body) values (?, ?, ?, ?)");
    const row = this.#prepare("select seq from cursor where session = ?").get(sessionId);
    let seq = row === undefined ? 0 : seqRow.parse(row).seq;
    const numbered = items.map((item) => ({ seq: (seq += 1), ...item }));
    this.#db.exec("begin immediate");
    try {
      for (const item of numbered) insert.run(sessionId, item.seq, epoch, JSON.stringify(item));
      this.#prepare(
        "insert into cursor values (?, ?) on conflict (session) do update set seq = excluded.seq",
      ).run(sessionId, seq);
      this.#db.exec("commit");
      return numbered;
    } catch (thrown) {
      this.#db.exec("rollback");
      throw thrown;
    }
  }

  /** The oldest items, by session, as many as fit one request. */
  nextItems(): ItemBatch[] {
    const batches = new Map<string, { sessionId: string; epoch: number; items: TranscriptItem[] }>();
    let bytes = 0;
    for (const raw of this.#prepare("select * from item order by session, seq limit ?").iterate(
      MAX_BATCH_ITEMS,
    )) {
      const row = itemRow.parse(raw);
      bytes += row.body.length;
      if (bytes > MAX_BATCH_BYTES && batches.size > 0) break;
      const batch = batches.get(row.session) ?? { sessionId: row.session, epoch: row.epoch, items: [] };
      batch.items.push(parseItem(row.body));
      batches.set(row.session, batch);
    }
    return [...batches.values()];
  }

  hasItems(sessionId: string): boolean {
    return this.#prepare("select seq from item where session = ? limit 1").get(sessionId) !== undefined;
  }

  removeItems(sessionId: string, seqTo: number): void {
    this.#prepare("delete from item where session = ? and seq <= ?").run(sessionId, seqTo);
  }

  dropItems(sessionId: string): void {
    this.#prepare("delete from item where session = ?").run(sessionId);
  }

  /**
   * A session that goes on under a higher epoch takes along what an earlier instance could not
   * deliver: under the old epoch the town would refuse it as fenced.
   */
  adopt(sessionId: string, epoch: number): void {
    this.#prepare("update item set epoch = ? where session = ?").run(epoch, sessionId);
  }

  get empty(): boolean {
    const row = this.#prepare(
      "select exists (select 1 from call) or exists (select 1 from item) as seq",
    ).get();
    return seqRow.parse(row).seq === 0;
  }
}

/** Only this file writes these rows. */
function parseItem(body: string): TranscriptItem {
  return JSON.parse(body) as TranscriptItem;
}
