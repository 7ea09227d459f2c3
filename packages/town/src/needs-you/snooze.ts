/**
 * Things put aside by a person (spec/api.md §3.3): until a time, or until they say something else. The
 * same thing asked anew, after it was settled, has another key and is seen again. No timer waits for the
 * end: whoever shows the list knows when to read it again.
 */
import { GastownError, type SnoozeBody } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { DAY } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import type { Row } from "../kernel/sql.ts";
import { keyOf, lookOf, type Item } from "./item.ts";

const LONGEST = 366 * DAY;

type SnoozeRow = Row & { key: string; hidden_until: number | null; look: string };

export type Snoozes = ReadonlyMap<string, SnoozeRow>;

export function snoozes(ctx: Ctx): Snoozes {
  const rows = ctx.sql.all<SnoozeRow>("select key, hidden_until, look from snoozes");
  return new Map(rows.map((row) => [row.key, row]));
}

/** Undefined: it is not put aside. */
export function snoozedUntil(ctx: Ctx, all: Snoozes, item: Item): string | undefined {
  const row = all.get(keyOf(item));
  if (row === undefined) return undefined;
  const { hidden_until: until } = row;
  if (until === null) return row.look === lookOf(item) ? "changed" : undefined;
  return until > ctx.now ? iso(until) : undefined;
}

/** Throws `validation_failed` for a time that is over or too far, `not_found` for what is not asked now. */
export function snooze(ctx: Ctx, items: readonly Item[], { keys, until }: SnoozeBody): void {
  const at = until === "changed" ? null : Date.parse(until);
  if (at !== null && (at <= ctx.now || at > ctx.now + LONGEST))
    throw new GastownError(
      "validation_failed",
      "A thing is put aside until a time that is still to come and at most a year away, or until it changes.",
    );
  const known = new Map(items.map((item) => [keyOf(item), item]));
  const missing = keys.filter((key) => !known.has(key));
  if (missing.length > 0)
    throw new GastownError(
      "not_found",
      `This does not need anybody any more: ${missing.join(", ")}. Look at the list again.`,
      { keys: missing },
    );
  for (const key of new Set(keys)) {
    const item = known.get(key);
    if (item) put(ctx, key, at, item);
  }
  forgetOver(ctx, known);
}

function put(ctx: Ctx, key: string, until: number | null, item: Item): void {
  ctx.sql.run(
    `insert into snoozes (key, hidden_until, look, by, at) values (?1, ?2, ?3, ?4, ?5)
     on conflict (key) do update set hidden_until = ?2, look = ?3, by = ?4, at = ?5`,
    key,
    until,
    lookOf(item),
    ctx.actor.name,
    ctx.now,
  );
  audit(ctx, {
    kind: "needs_you.snoozed",
    subject: { type: "town", id: ctx.townId },
    text: `${ctx.actor.name} puts aside until ${until === null ? "it changes" : iso(until)}: ${item.question}`,
    data: { key, until: until === null ? "changed" : iso(until) },
  });
}

/** What needs nobody any more is not remembered as put aside. */
function forgetOver(ctx: Ctx, known: ReadonlyMap<string, Item>): void {
  for (const { key } of ctx.sql.all<{ key: string }>("select key from snoozes"))
    if (!known.has(key)) ctx.sql.run("delete from snoozes where key = ?", key);
}
