/** What the mayor can look at (spec/api.md §4.4). Titles came from others: they stand after the marker. */
import type { ToolInput } from "@gastown/protocol";
import type { SessionContext, Town } from "@gastown/town";
import { compose } from "../prompts/text.ts";
import type { ToolResult } from "./result.ts";
import { briefBead } from "./tools-common.ts";

const FINISHED = new Set(["landed", "failed", "closed"]);
const BEADS_PAGE = 50;

interface Line {
  line: string;
  item: Record<string, unknown>;
}

/** `3 rigs.` and one line for each; `none` where there is none. */
function told(noun: string, none: string, lines: Line[], note = ""): ToolResult {
  const items = lines.map(({ item }) => item);
  if (lines.length === 0) return { text: none, data: { items } };
  const heading = `${lines.length} ${noun}${lines.length === 1 ? "" : "s"}`;
  return {
    text: compose(
      [`${heading}.${note}`],
      [{ heading, text: lines.map(({ line }) => `- ${line}`).join("\n") }],
    ),
    data: { items },
  };
}

export function listRigs(town: Town): ToolResult {
  const lines = town.rigs().map(({ id, name, state, stateReason, defaultBranch }) => ({
    line: `${name} (${id}): ${state}${stateReason === undefined ? "" : `, ${stateReason}`}, branch ${defaultBranch}`,
    item: { id, name, state, reason: stateReason ?? null, default_branch: defaultBranch },
  }));
  return told("rig", "No rigs yet.", lines);
}

export function listBeads(
  town: Town,
  _session: SessionContext,
  args: ToolInput<"gt_list_beads">,
): ToolResult {
  const { items, nextCursor } = town.beads(
    {
      ...(args.rig_id === undefined ? {} : { rigId: town.rig(args.rig_id).id }),
      ...(args.status === undefined ? {} : { status: [args.status] }),
      ...(args.type === undefined ? {} : { type: [args.type] }),
      ...(args.kind === undefined ? {} : { kind: [args.kind] }),
      ...(args.convoy_id === undefined ? {} : { convoyId: town.convoy(args.convoy_id).id }),
      ...(args.held === undefined ? {} : { held: args.held }),
      ...(args.q === undefined ? {} : { q: args.q }),
    },
    { limit: args.limit ?? BEADS_PAGE, ...(args.cursor === undefined ? {} : { cursor: args.cursor }) },
  );
  const lines = items.map((bead) => {
    const waits = bead.waitingOn === undefined ? "" : `, waits: ${bead.waitingOn.code}`;
    const who = bead.assignee === undefined ? "" : `, ${bead.assignee.name}`;
    return { line: `${bead.id} ${bead.status}${waits}${who}: ${bead.title}`, item: briefBead(bead) };
  });
  return told(
    "bead",
    "No beads match.",
    lines,
    nextCursor === null ? "" : ` There are more: narrow the list down, or go on with cursor ${nextCursor}.`,
  );
}

export function listAgents(
  town: Town,
  _session: SessionContext,
  { rig_id, role }: ToolInput<"gt_list_agents">,
): ToolResult {
  const rigId = rig_id === undefined ? undefined : town.rig(rig_id).id;
  const lines = town
    .agents()
    .filter(
      (agent) =>
        (rigId === undefined || agent.rigId === rigId) && (role === undefined || agent.role === role),
    )
    .map((agent) => ({
      line: `${agent.name} (${agent.role}) ${agent.status}${agent.message === null ? "" : `: ${agent.message.text}`}`,
      item: {
        id: agent.id,
        name: agent.name,
        role: agent.role,
        status: agent.status,
        rig_id: agent.rigId,
        bead_id: agent.beadId,
        message: agent.message?.text ?? null,
      },
    }));
  return told("agent", "No agents yet.", lines);
}

export function listConvoys(
  town: Town,
  _session: SessionContext,
  { state }: ToolInput<"gt_list_convoys">,
): ToolResult {
  const lines = town
    .convoys({ state })
    .filter((convoy) => state !== undefined || !FINISHED.has(convoy.state))
    .map(({ id, title, state: now, progress }) => ({
      line: `${id} ${now}, ${progress.closed + progress.waived} of ${progress.total} done: ${title}`,
      item: { id, title, state: now, progress },
    }));
  return told("convoy", "No convoys match.", lines);
}

export function listMerges(
  town: Town,
  _session: SessionContext,
  { rig_id, state }: ToolInput<"gt_list_merges">,
): ToolResult {
  const rigId = rig_id === undefined ? undefined : town.rig(rig_id).id;
  const lines = town.merges({ rigId, state }).map((merge) => ({
    line: `${merge.id} ${merge.state}, ${merge.branch} → ${merge.target}${merge.waitingOn === undefined ? "" : `, waits: ${merge.waitingOn.code}`}: ${merge.title}`,
    item: {
      id: merge.id,
      title: merge.title,
      state: merge.state,
      rig_id: merge.rigId,
      source_bead_id: merge.sourceBeadId,
      branch: merge.branch,
      target: merge.target,
      waiting_on: merge.waitingOn?.code ?? null,
      failure: merge.failure,
    },
  }));
  return told("merge request", "No merge requests match.", lines);
}

export function listEscalations(
  town: Town,
  _session: SessionContext,
  { open }: ToolInput<"gt_list_escalations">,
): ToolResult {
  const lines = town.escalations({ open: open ?? true }).map((one) => ({
    line: `${one.id} ${one.severity}${one.open ? "" : ", closed"}: ${one.title}`,
    item: {
      id: one.id,
      title: one.title,
      body: one.body,
      severity: one.severity,
      category: one.category,
      open: one.open,
      source: one.source,
      choices: one.choices,
      resolution: one.resolution,
    },
  }));
  return told("escalation", "Nothing needs a person.", lines);
}
