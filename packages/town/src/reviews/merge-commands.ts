/** `TownMerges` on a town: each command is one transaction (spec/api.md §3.8). */
import type { MergeRequest } from "@gastown/protocol";
import { TOWN_ACTOR, type Access, type Ctx } from "../kernel/context.ts";
import { findRig } from "../rigs/rigs.ts";
import type { Actor } from "../town.ts";
import { lanes, toLane } from "../views/lanes.ts";
import { townReading } from "../views/reading.ts";
import { toMergeRequest } from "../views/work.ts";
import { adoptPullRequest } from "./adopt.ts";
import { attention } from "./attention.ts";
import { pauseLane, resumeLane } from "./lane-pause.ts";
import { pullRequestOf } from "./session-merge.ts";
import { findMerge } from "./merge-row.ts";
import {
  dismissByPerson,
  holdMerge,
  judgeByPerson,
  mergeNow,
  pollNow,
  pollConcerned,
  releaseMerge,
} from "./person-commands.ts";
import type { TownMerges } from "./town-merges.ts";

export function mergeCommands({ read, write }: Access): TownMerges {
  const shown = (actor: Actor, command: (ctx: Ctx) => string): MergeRequest =>
    write(actor, (ctx) => toMergeRequest(ctx, findMerge(ctx, command(ctx))));
  return {
    ...townReading({ read, write }),
    attention: () => read(attention),
    holdMerge: (ref, actor) => shown(actor, (ctx) => holdMerge(ctx, ref)),
    releaseMerge: (ref, actor) => shown(actor, (ctx) => releaseMerge(ctx, ref)),
    lanes: () => read(lanes),
    pauseLane: (rigRef, target, actor) => write(actor, (ctx) => toLane(ctx, pauseLane(ctx, rigRef, target))),
    resumeLane: (rigRef, target, actor) =>
      write(actor, (ctx) => toLane(ctx, resumeLane(ctx, rigRef, target))),
    pollNow: (ref, actor) => shown(actor, (ctx) => pollNow(ctx, ref)),
    pollConcerned: (rigRef, concern) =>
      write(TOWN_ACTOR, (ctx) => pollConcerned(ctx, findRig(ctx, rigRef).id, concern)),
    pullRequestOf: (sessionId) => read((ctx) => pullRequestOf(ctx, sessionId)),
    mergeNow: (ref, headSha, actor) => shown(actor, (ctx) => mergeNow(ctx, ref, headSha)),
    dismissMerge: (ref, input, actor) => shown(actor, (ctx) => dismissByPerson(ctx, ref, input)),
    giveMergeVerdict: (ref, verdict, actor) => shown(actor, (ctx) => judgeByPerson(ctx, ref, verdict)),
    adoptPullRequest: (rigRef, input, actor) =>
      write(actor, (ctx) => {
        const { id, existing } = adoptPullRequest(ctx, rigRef, input);
        return { mergeRequest: toMergeRequest(ctx, findMerge(ctx, id)), existing };
      }),
  };
}
