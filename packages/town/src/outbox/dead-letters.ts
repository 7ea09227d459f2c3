/**
 * What was given up (spec/town.md §4): facts that could not be applied, effects that could not be carried out.
 * Mostly somebody waits for an effect, is told of its end like of any result, and goes on from there; a person
 * is asked only about what would otherwise be forgotten.
 */
import {
  GastownError,
  type InboxEntry,
  type InboxFilter,
  type OutboxEntry,
  type OutboxFilter,
} from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import type { Access, Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import type { Row } from "../kernel/sql.ts";
import type { Actor } from "../town.ts";
import type { EffectKind } from "./outbox.ts";

/** Their end is told to whoever waits for it (`refused` in results.ts). */
const TOLD: readonly EffectKind[] = [
  "start_session",
  "check_session",
  "message_session",
  "sync_config",
  "change_model",
  "settle_session",
  "setup_rig",
  "run_gates",
  "merge",
  "merge_pull_request",
  "open_pull_request",
  "update_branch",
  "ask_model",
  "poll_pull_request",
  "post_review",
];

/** Of a row of the outbox; nobody waits for a branch to be deleted. */
const IS_TOLD = `(kind in (${TOLD.map((kind) => `'${kind}'`).join(", ")})
  or kind = 'branch' and json_extract(payload, '$.operation') = 'create')`;

const LISTED = 200;

/** A condition for what is left to a person. */
export const UNTOLD_DEAD = `state = 'dead' and not ${IS_TOLD}`;

/** What was told is kept no longer than what was done. */
export function pruneDeadEffects(ctx: Ctx, before: number): void {
  ctx.sql.run(`delete from outbox where created_at < ? and state = 'dead' and ${IS_TOLD}`, before);
}

export interface TownDeadLetters {
  /** The newest first. */
  inbox(filter: InboxFilter): InboxEntry[];
  outbox(filter: OutboxFilter): OutboxEntry[];
  /** Applies a dead fact again, from the first try on. Throws `not_found`, `invalid_transition`. */
  retryFact(seq: number, actor: Actor): InboxEntry;
  /** Forgets it; nothing that waited for it goes on by that. */
  discardFact(seq: number, actor: Actor): InboxEntry;
  /**
   * Carries a dead effect out again. Throws `not_found`; `invalid_transition` where whoever waited for it was
   * told, who would not know of a second end.
   */
  retryEffect(id: string, actor: Actor): OutboxEntry;
  discardEffect(id: string, actor: Actor): OutboxEntry;
}

export function townDeadLetters({ read, write }: Access): TownDeadLetters {
  return {
    inbox: ({ state = "dead" }) =>
      read((ctx) =>
        ctx.sql
          .all<FactRow>("select * from inbox where state = ? order by seq desc limit ?", state, LISTED)
          .map(toInboxEntry),
      ),
    outbox: ({ state = "dead", kind }) =>
      read((ctx) =>
        ctx.sql
          .all<StoredEffect>(
            `select *, ${IS_TOLD} as told from outbox where state = ?1 and (?2 is null or kind = ?2)
             order by id desc limit ?3`,
            state,
            kind ?? null,
            LISTED,
          )
          .map(toOutboxEntry),
      ),
    retryFact: (seq, actor) =>
      write(actor, (ctx) => {
        deadFact(ctx, seq);
        ctx.sql.run(
          "update inbox set state = 'pending', attempts = 0, due_at = ? where seq = ?",
          ctx.now,
          seq,
        );
        return changedFact(ctx, seq, "retry");
      }),
    discardFact: (seq, actor) =>
      write(actor, (ctx) => {
        deadFact(ctx, seq);
        ctx.sql.run("update inbox set state = 'applied' where seq = ?", seq);
        return changedFact(ctx, seq, "discard");
      }),
    retryEffect: (id, actor) => write(actor, (ctx) => retryEffect(ctx, id)),
    discardEffect: (id, actor) =>
      write(actor, (ctx) => {
        deadEffect(ctx, id);
        ctx.sql.run("update outbox set state = 'done' where id = ?", id);
        return changedEffect(ctx, id, "discard");
      }),
  };
}

type FactRow = Row & {
  seq: number;
  type: string;
  state: InboxEntry["state"];
  attempts: number;
  error: string | null;
  at: number;
};

type StoredEffect = Row & {
  id: string;
  kind: string;
  subject: string;
  key: string;
  state: OutboxEntry["state"];
  attempts: number;
  result: string | null;
  created_at: number;
  due_at: number;
  told: number;
};

function toInboxEntry({ seq, type, state, attempts, error, at }: FactRow): InboxEntry {
  return { seq, type, state, attempts, error, at: iso(at) };
}

function toOutboxEntry(row: StoredEffect): OutboxEntry {
  const { id, kind, subject, state, attempts, result, created_at, due_at, told } = row;
  const error = state === "done" ? null : reasonText(result);
  return {
    id,
    kind,
    subject,
    state,
    attempts,
    error,
    createdAt: iso(created_at),
    dueAt: iso(due_at),
    told: told === 1,
  };
}

/** The reason of a dead effect is stored as an object, the last failure of one that is repeated as text. */
export function reasonText(result: string | null): string | null {
  const found = /"message":"((?:[^"\\]|\\.)*)"/.exec(result ?? "");
  return (found?.[1] ?? result)?.slice(0, 500) ?? null;
}

function fact(ctx: Ctx, seq: number): FactRow {
  const row = ctx.sql.get<FactRow>("select * from inbox where seq = ?", seq);
  if (row) return row;
  throw new GastownError("not_found", `There is no fact ${seq} in the inbox of this town.`);
}

function deadFact(ctx: Ctx, seq: number): void {
  const { state, type } = fact(ctx, seq);
  if (state !== "dead") throw notDead(`Fact ${seq} (${type})`, state);
}

function storedEffect(ctx: Ctx, id: string): StoredEffect {
  const row = ctx.sql.get<StoredEffect>(`select *, ${IS_TOLD} as told from outbox where id = ?`, id);
  if (row) return row;
  throw new GastownError("not_found", `There is no effect ${id} in the outbox of this town.`);
}

function deadEffect(ctx: Ctx, id: string): StoredEffect {
  const row = storedEffect(ctx, id);
  if (row.state !== "dead") throw notDead(`Effect ${id} (${row.kind})`, row.state);
  return row;
}

function notDead(what: string, state: string): GastownError {
  return new GastownError(
    "invalid_transition",
    `${what} is ${state}; only a dead one can be taken up again.`,
  );
}

function retryEffect(ctx: Ctx, id: string): OutboxEntry {
  const row = deadEffect(ctx, id);
  const kind = row.kind.replaceAll("_", " ");
  if (row.told === 1)
    throw new GastownError(
      "invalid_transition",
      `What waited for this (${kind}) was told that it failed, and went on from there. Retry that: its bead, its merge request or its rig; this can only be discarded.`,
    );
  const other = ctx.sql.get<{ id: string }>(
    "select id from outbox where key = ? and state in ('pending', 'running', 'accepted')",
    row.key,
  );
  if (other)
    throw new GastownError(
      "invalid_transition",
      `The same (${kind}) is under way already as ${other.id}; discard this one.`,
    );
  ctx.sql.run(
    // What had a day to succeed has another one.
    `update outbox set state = 'pending', failures = 0, due_at = ?1, give_up_at = ?1 + (give_up_at - created_at)
     where id = ?2`,
    ctx.now,
    id,
  );
  return changedEffect(ctx, id, "retry");
}

function changedFact(ctx: Ctx, seq: number, what: "retry" | "discard"): InboxEntry {
  const row = fact(ctx, seq);
  record(ctx, { type: "inbox", id: String(seq) }, what, row.type);
  return toInboxEntry(row);
}

function changedEffect(ctx: Ctx, id: string, what: "retry" | "discard"): OutboxEntry {
  const row = storedEffect(ctx, id);
  record(ctx, { type: "effect", id }, what, row.kind);
  return toOutboxEntry(row);
}

function record(
  ctx: Ctx,
  subject: { type: "inbox" | "effect"; id: string },
  what: "retry" | "discard",
  kind: string,
): void {
  const done = what === "retry" ? "is tried again" : "is discarded";
  audit(ctx, {
    kind: "admin.call",
    subject,
    reason: what,
    text: `${kind.replaceAll("_", " ")} ${done} by ${ctx.actor.name}`,
  });
}
