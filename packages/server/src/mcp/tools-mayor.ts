/** With which the mayor makes work (spec/api.md §4.4). Rigs may be named by their name. */
import type { Bead, ConvoyDetail, ConvoyTaskArgs, SlingConvoyBody, ToolInput } from "@gastown/protocol";
import type { SessionContext, Town } from "@gastown/town";
import { compose } from "../prompts/text.ts";
import { actorOf } from "./actor-of.ts";
import type { ToolCall } from "./handlers.ts";
import type { ToolResult } from "./result.ts";
import { briefBead } from "./tools-common.ts";

const DAY_MS = 86_400_000;
const PAGE = 200;

export function sling(
  town: Town,
  session: SessionContext,
  args: ToolInput<"gt_sling">,
  call: ToolCall,
): ToolResult {
  const { rig_id, depends_on, allow_duplicate, ...body } = args;
  const rig = town.rig(rig_id);
  const twin = allow_duplicate ? undefined : openTwin(town, rig.id, body.title, call.now);
  if (twin !== undefined) {
    return {
      text: `${twin.id} has the same title and is not finished, so nothing new was made. Use it, or call again with allow_duplicate: true.`,
      data: { bead: briefBead(twin), duplicate: true },
    };
  }
  const dependsOn = depends_on?.map((ref) => town.bead(ref).id);
  const bead = town.sling(
    rig.id,
    { ...body, ...(dependsOn === undefined ? {} : { dependsOn }) },
    { held: false },
    actorOf(session),
  );
  const waits =
    bead.waitingOn === undefined
      ? "It starts as soon as a slot is free."
      : `It waits: ${bead.waitingOn.code}.`;
  return {
    text: `Made ${bead.id} in rig ${rig.name}. ${waits}`,
    data: { bead: briefBead(bead), duplicate: false },
  };
}

/** An unfinished bead of this rig with the same words as title, made within a day. */
function openTwin(town: Town, rigId: string, title: string, now: number): Bead | undefined {
  const wanted = plainTitle(title);
  let cursor: string | undefined;
  do {
    const page = town.beads(
      { rigId, type: ["issue"], status: ["open", "in_progress", "in_review"] },
      { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) },
    );
    const twin = page.items.find(
      (bead) => plainTitle(bead.title) === wanted && now - Date.parse(bead.createdAt) < DAY_MS,
    );
    if (twin !== undefined) return twin;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return undefined;
}

const plainTitle = (title: string): string => title.trim().toLowerCase().replaceAll(/\s+/g, " ");

export function slingBatch(
  town: Town,
  session: SessionContext,
  args: ToolInput<"gt_sling_batch">,
): ToolResult {
  const body: SlingConvoyBody = {
    title: args.convoy_title,
    rigId: town.rig(args.rig_id).id,
    tasks: args.tasks.map(({ depends_on, ...task }) => ({
      ...taskOf(town, task),
      ...(depends_on === undefined ? {} : { dependsOn: depends_on }),
    })),
    ...(args.merge_mode === undefined ? {} : { mode: args.merge_mode }),
    ...(args.staged === undefined ? {} : { staged: args.staged }),
    ...(args.parallel === undefined ? {} : { parallel: args.parallel }),
    ...(args.metadata === undefined ? {} : { metadata: args.metadata }),
  };
  const convoy = town.slingConvoy(body, actorOf(session));
  const next =
    convoy.state === "staged"
      ? "It is staged: show the plan, and call gt_convoy_start when the person agrees."
      : "It is started.";
  return {
    text: compose(
      [`Made convoy ${convoy.id} with ${convoy.nodes.length} beads in ${convoy.waves.length} waves. ${next}`],
      [{ heading: `Convoy ${convoy.id}`, text: nodeLines(convoy) }],
    ),
    data: convoyData(convoy),
  };
}

export function taskOf(
  town: Town,
  { rig_id, ...task }: ConvoyTaskArgs,
): Omit<SlingConvoyBody["tasks"][number], "dependsOn"> {
  return rig_id === undefined ? task : { ...task, rigId: town.rig(rig_id).id };
}

export function convoyStart(
  town: Town,
  session: SessionContext,
  { convoy_id }: ToolInput<"gt_convoy_start">,
): ToolResult {
  const convoy = town.startConvoy(convoy_id, actorOf(session));
  const first = convoy.waves[0]?.length ?? 0;
  const rest = convoy.nodes.length - first;
  return {
    text: `Started: ${first} ${first === 1 ? "bead" : "beads"} ready, ${rest} wait.`,
    data: convoyData(convoy),
  };
}

export function convoyStatus(
  town: Town,
  _session: SessionContext,
  { convoy_id }: ToolInput<"gt_convoy_status">,
): ToolResult {
  const convoy = town.convoy(convoy_id);
  const { total, closed, waived, failed, inProgress, inReview } = convoy.progress;
  const counts = `${closed + waived} of ${total} done, ${inProgress} in progress, ${inReview} in review, ${failed} failed`;
  const landing = convoy.landing.map(({ beadId, state }) => `${beadId} ${state}`).join(", ");
  return {
    text: compose(
      [`Convoy ${convoy.id} is ${convoy.state}: ${counts}.`, landing !== "" && `Landing: ${landing}.`],
      [{ heading: `${convoy.id} ${convoy.title}`, text: nodeLines(convoy) }],
    ),
    data: convoyData(convoy),
  };
}

function nodeLines(convoy: ConvoyDetail): string {
  return convoy.nodes
    .toSorted((a, b) => a.wave - b.wave)
    .map((node) => {
      const who = node.assigneeName === undefined ? "" : `, ${node.assigneeName}`;
      const waits = node.waitingOn === undefined ? "" : `, waits: ${node.waitingOn.code}`;
      return `- wave ${node.wave}: ${node.beadId} ${node.status}${who}${waits}: ${node.title}`;
    })
    .join("\n");
}

const convoyData = ({
  id,
  title,
  state,
  progress,
  nodes,
  edges,
  waves,
  landing,
}: ConvoyDetail): Record<string, unknown> => ({
  convoy_id: id,
  title,
  state,
  progress,
  beads: nodes.map((node) => ({
    id: node.beadId,
    title: node.title,
    status: node.status,
    reason: node.reason,
    wave: node.wave,
    assignee: node.assigneeName ?? null,
    waiting_on: node.waitingOn?.code ?? null,
  })),
  edges,
  waves,
  landing,
});
