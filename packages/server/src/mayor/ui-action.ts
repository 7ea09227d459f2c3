/** Showing something on a town's open pages (spec/api.md §3.10, §4.4 gt_ui_action). */
import { GastownError, type UiAction } from "@gastown/protocol";
import type { Town } from "@gastown/town";
import type { TownActor } from "../towns/actor.ts";

/** Ids are completed and must be of this town, else `validation_failed`. Returns how many pages were told. */
export function showOnPages(actor: TownActor, action: UiAction): number {
  const shown = ofThisTown(() => actor.read((town) => known(town, action)));
  const pages = actor.feed.size;
  actor.feed.broadcast({ type: "ui_action", action: shown });
  return pages;
}

function ofThisTown<T>(find: () => T): T {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof GastownError) || error.code !== "not_found") throw error;
    throw new GastownError("validation_failed", `${error.message} Only what is in this town can be shown.`);
  }
}

function known(town: Town, action: UiAction): UiAction {
  switch (action.type) {
    case "open_bead_drawer":
    case "highlight_bead":
      return { ...action, beadId: town.bead(action.beadId).id };
    case "open_convoy_drawer":
      return { ...action, convoyId: town.convoy(action.convoyId).id };
    case "open_agent_drawer":
      return { ...action, agentId: town.agent(action.agentId).id };
    case "open_escalation":
      return { ...action, escalationId: town.escalation(action.escalationId).id };
    default:
      return action.rigId === undefined ? action : { ...action, rigId: town.rig(action.rigId).id };
  }
}
