/** What a host tells a town of where it came from. */
import type { Access } from "../kernel/context.ts";
import { TOWN_ACTOR } from "../kernel/context.ts";
import { restored } from "../restored.ts";
import type { SecretName } from "./format.ts";
import { imported } from "./imported.ts";

export interface TownHistory {
  /** Whether there is no work in it and never was: it may have settings, and an import may take its place. */
  empty(): boolean;
  /** It came out of a backup: every session and runner that was there before is fenced. */
  restored(): void;
  /** It came out of an export: nothing of its past goes on, and it is paused (`imported.ts`). */
  imported(omitted: readonly SecretName[]): void;
}

export function townHistory({ read, write }: Access): TownHistory {
  return {
    empty: () =>
      read(({ sql }) =>
        ["rigs", "beads", "sessions", "messages", "mayor_messages", "spend"].every(
          (table) => sql.get(`select 1 as n from ${table} limit 1`) === undefined,
        ),
      ),
    restored: () => write(TOWN_ACTOR, restored),
    imported: (omitted) => write(TOWN_ACTOR, (ctx) => imported(ctx, omitted)),
  };
}
