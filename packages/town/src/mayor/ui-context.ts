/**
 * What a person has on the screen (spec/api.md §3.10): the last five of ten minutes are given to the
 * mayor with that person's next message, once, as data that nobody vouches for.
 */
import { MINUTE, type Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";

export interface UiContext {
  /** ISO time. */
  readonly at: string;
  readonly text: string;
}

const KEPT = 5;
const KEPT_FOR = 10 * MINUTE;

export function storeContext(ctx: Ctx, text: string): void {
  const person = ctx.actor.id;
  ctx.sql.run("insert into ui_contexts (person, at, text) values (?, ?, ?)", person, ctx.now, text);
  ctx.sql.run(
    `delete from ui_contexts where at <= ?1 or (person = ?2 and seq not in
       (select seq from ui_contexts where person = ?2 order by seq desc limit ?3))`,
    ctx.now - KEPT_FOR,
    person,
    KEPT,
  );
}

/** The person's stored contexts, oldest first, and the one that came with the message. */
export function takeContexts(ctx: Ctx, person: string, given: string | undefined): UiContext[] {
  const stored = ctx.sql.all<{ at: number; text: string }>(
    "select at, text from ui_contexts where person = ? and at > ? order by seq",
    person,
    ctx.now - KEPT_FOR,
  );
  ctx.sql.run("delete from ui_contexts where person = ?", person);
  const own = given === undefined ? [] : [{ at: ctx.now, text: given }];
  return [...stored, ...own].slice(-KEPT).map(({ at, text }) => ({ at: iso(at), text }));
}
