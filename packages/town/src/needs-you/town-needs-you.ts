/** What hosts see of what needs a person. */
import type { NeedsYouFilter, NeedsYouList, SnoozeBody } from "@gastown/protocol";
import type { Access } from "../kernel/context.ts";
import { findRig } from "../rigs/rigs.ts";
import type { Actor } from "../town.ts";
import { allItems, needsYou } from "./list.ts";
import { snooze } from "./snooze.ts";

export interface TownNeedsYou {
  /** Throws `not_found` for a rig that is not there. */
  needsYou(filter: NeedsYouFilter): NeedsYouList;
  /** Throws `not_found` for what needs nobody any more, `validation_failed` for a wrong time. */
  snooze(body: SnoozeBody, actor: Actor): NeedsYouList;
}

export function townNeedsYou({ read, write }: Access): TownNeedsYou {
  return {
    needsYou: (filter) =>
      read((ctx) =>
        needsYou(ctx, {
          ...filter,
          ...(filter.rigId === undefined ? {} : { rigId: findRig(ctx, filter.rigId).id }),
        }),
      ),
    snooze: (body, actor) =>
      write(actor, (ctx) => {
        snooze(ctx, allItems(ctx), body);
        return needsYou(ctx, {});
      }),
  };
}
