/** With what a session of a role begins (spec/api.md §3.13, launch spec): what its bead says, else the settings. */
import type { EffectiveConfig, Role } from "@gastown/protocol";
import type { BeadRow } from "../beads/bead-row.ts";
import type { Ctx } from "../kernel/context.ts";
import type { Row } from "../kernel/sql.ts";
import type { SessionRow } from "./session-row.ts";

export type Choice = Pick<BeadRow, "model" | "runtime">;

export const NO_CHOICE: Choice = { model: null, runtime: null };

/** A model's name means something to one runtime only: the one that is set goes with the runtime that is set. */
export function chosenLaunch(
  { role_runtimes, models }: EffectiveConfig,
  role: Role,
  { model, runtime }: Choice,
): { model: string | null; runtime: string } {
  const own = runtime ?? role_runtimes[role];
  const usual = own === role_runtimes[role] ? models[role] || null : null;
  return { runtime: own, model: model ?? usual };
}

/** Of a bead's own session; one that reviews, or that has no bead, goes by the settings. */
export function choiceOf(ctx: Ctx, { role, bead_id }: SessionRow): Choice {
  if (role !== "polecat" || bead_id === null) return NO_CHOICE;
  return ctx.sql.get<Choice & Row>("select model, runtime from beads where id = ?", bead_id) ?? NO_CHOICE;
}
