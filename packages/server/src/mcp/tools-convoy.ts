/** With which the mayor changes convoys (spec/api.md §4.4). Rigs may be named by their name. */
import { GastownError, type AddToConvoyBody, type ConvoyDetail, type ToolInput } from "@gastown/protocol";
import type { SessionContext, Town } from "@gastown/town";
import { actorOf } from "./actor-of.ts";
import type { ToolResult } from "./result.ts";
import { taskOf } from "./tools-mayor.ts";

export function convoyUpdate(
  town: Town,
  session: SessionContext,
  { convoy_id, title, merge_mode, feature_branch }: ToolInput<"gt_convoy_update">,
): ToolResult {
  const change = {
    ...(title === undefined ? {} : { title }),
    ...(merge_mode === undefined ? {} : { mode: merge_mode }),
    ...(feature_branch === undefined ? {} : { featureBranch: feature_branch }),
  };
  if (Object.keys(change).length === 0)
    throw new GastownError("validation_failed", "Give title, merge_mode or feature_branch.");
  const convoy = town.updateConvoy(convoy_id, change, actorOf(session));
  return {
    text: `Changed ${Object.keys(change).join(", ")} of convoy ${convoy.id}.`,
    data: { convoy_id: convoy.id, changed: Object.keys(change) },
  };
}

export function convoyAddBead(
  town: Town,
  session: SessionContext,
  { convoy_id, bead_id, task, depends_on }: ToolInput<"gt_convoy_add_bead">,
): ToolResult {
  const edges = depends_on === undefined ? {} : { dependsOn: depends_on.map((ref) => town.bead(ref).id) };
  const convoy = town.addToConvoy(
    convoy_id,
    { ...whatToAdd(town, bead_id, task), ...edges },
    actorOf(session),
  );
  const added = bead_id === undefined ? convoy.nodes.at(-1)?.beadId : town.bead(bead_id).id;
  return {
    text: `Convoy ${convoy.id} has ${convoy.progress.total} beads now; ${added ?? "it"} was added.`,
    data: { ...totalOf(convoy), bead_id: added ?? null },
  };
}

function whatToAdd(
  town: Town,
  beadId: string | undefined,
  task: ToolInput<"gt_convoy_add_bead">["task"],
): AddToConvoyBody {
  if (beadId !== undefined && task === undefined) return { beadId: town.bead(beadId).id };
  if (task !== undefined && beadId === undefined) return { task: taskOf(town, task) };
  throw new GastownError("validation_failed", "Give either bead_id, of a bead that exists, or task.");
}

export function convoyRemoveBead(
  town: Town,
  session: SessionContext,
  { convoy_id, bead_id }: ToolInput<"gt_convoy_remove_bead">,
): ToolResult {
  const bead = town.bead(bead_id).id;
  const convoy = town.removeFromConvoy(convoy_id, bead, actorOf(session));
  return {
    text: `${bead} goes on alone; convoy ${convoy.id} has ${convoy.progress.total} beads now.`,
    data: totalOf(convoy),
  };
}

const totalOf = ({ id, progress }: ConvoyDetail): Record<string, unknown> => ({
  convoy_id: id,
  total: progress.total,
});
