/** The one row that is the town itself: name, pause, counters, and its runner. */
import type { Ctx } from "./kernel/context.ts";
import type { Row } from "./kernel/sql.ts";

export type TownRow = Row & {
  town_id: string;
  name: string;
  created_at: number;
  paused_at: number | null;
  paused_reason: string | null;
  last_time: number;
  epoch: number;
  runner_epoch: number;
  runner_instance: string | null;
  runner_seen_at: number | null;
  runner_wanted_at: number | null;
  runner_draining: number;
  pruned_at: number;
  /** The last closed bead of which saved work and branches were forgotten (`sessions/old-refs.ts`). */
  refs_forgotten_at: number;
  refs_forgotten_bead: string;
  /** Triage starts no session before this time. */
  triage_rest_until: number;
  /** Why the host has no room for this town's runner, and since when; null while it has. */
  no_room: string | null;
  no_room_at: number | null;
  /** JSON: when it was lost lately, and until when none is asked for (`runner/replacements.ts`). */
  runner_losses: string;
  runner_rest_until: number | null;
  /** When other towns last asked for this one's place on its host. */
  room_wanted_at: number | null;
  /** Counts every change of settings, of the town or of a rig. */
  config_version: number;
  /** When the mayor was last wanted (a message, a request, other settings): failures count from here. */
  mayor_asked_at: number;
  /** Its start was refused for a passing cause: until then none is tried. */
  mayor_rest_until: number;
  /** What a person chose for the next mayor session alone. */
  mayor_model: string | null;
  mayor_small_model: string | null;
  /** 1: the next mayor session begins a new conversation. */
  mayor_fresh: number;
};

export function townRow(ctx: Pick<Ctx, "sql">): TownRow {
  const row = ctx.sql.get<TownRow>("select * from town where id = 1");
  if (!row) throw new Error("the town's own row is missing");
  return row;
}
