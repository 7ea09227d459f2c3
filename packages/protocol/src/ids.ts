/**
 * Identifiers: a prefix, `_` and a ULID of 26 Crockford base-32 characters (spec/api.md §1.1).
 * People read the *last* eight characters: the first ten are only the time.
 */
import { z } from "zod";

export const ID_PREFIXES = {
  town: "town",
  rig: "rig",
  user: "user",
  bead: "bead",
  convoy: "convoy",
  escalation: "esc",
  agent: "agent",
  session: "sess",
  message: "msg",
  nudge: "nudge",
  triage: "tri",
  effect: "eff",
  runner: "run",
  token: "tok",
  request: "req",
  log: "log",
  settle: "settle",
} as const;

export type IdKind = keyof typeof ID_PREFIXES;

const ULID = "[0-9A-HJKMNP-TV-Z]{26}";

/** A schema for one kind of id, e.g. `idSchema("bead")`. */
export function idSchema(kind: IdKind): z.ZodString {
  return z.string().regex(new RegExp(`^${ID_PREFIXES[kind]}_${ULID}$`), `not a ${kind} id`);
}

/** A bead may also be a convoy or an escalation: both are beads (spec/api.md §1.1). */
export const anyBeadId: z.ZodString = z
  .string()
  .regex(new RegExp(`^(bead|convoy|esc)_${ULID}$`), "not a bead id");

/** `bead_01J…7Q2M9K4T` → `bead_7q2m9k4t`, the form that people read. */
export function shortId(id: string): string {
  const cut = id.indexOf("_");
  return `${id.slice(0, cut + 1)}${id.slice(-8).toLowerCase()}`;
}

/** The last eight characters in lower case, used in branch names. */
export function idEnding(id: string): string {
  return id.slice(-8).toLowerCase();
}
