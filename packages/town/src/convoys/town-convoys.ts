/** What hosts see of changes to convoys. */
import type { AddToConvoyBody, ConvoyDetail, UpdateConvoyBody } from "@gastown/protocol";
import type { Access, Ctx } from "../kernel/context.ts";
import type { Actor } from "../town.ts";
import { toConvoyDetail } from "../views/work.ts";
import { addToConvoy, removeFromConvoy, updateConvoy } from "./change.ts";
import { findConvoy } from "./convoys.ts";

export interface TownConvoys {
  /** Throws `convoy_finished`, `invalid_transition`, `already_exists` (the branch). */
  updateConvoy(ref: string, body: UpdateConvoyBody, actor: Actor): ConvoyDetail;
  /** Throws `convoy_finished`, `invalid_transition`, `dependency_cycle`. */
  addToConvoy(ref: string, body: AddToConvoyBody, actor: Actor): ConvoyDetail;
  /** Throws `convoy_finished`, `has_live_work`, `invalid_transition`, `not_found`. */
  removeFromConvoy(ref: string, beadRef: string, actor: Actor): ConvoyDetail;
}

export function townConvoys({ write }: Access): TownConvoys {
  const detail = (ctx: Ctx, id: string): ConvoyDetail => toConvoyDetail(ctx, findConvoy(ctx, id));
  return {
    updateConvoy: (ref, body, actor) => write(actor, (ctx) => detail(ctx, updateConvoy(ctx, ref, body))),
    addToConvoy: (ref, body, actor) => write(actor, (ctx) => detail(ctx, addToConvoy(ctx, ref, body))),
    removeFromConvoy: (ref, beadRef, actor) =>
      write(actor, (ctx) => detail(ctx, removeFromConvoy(ctx, ref, beadRef))),
  };
}
