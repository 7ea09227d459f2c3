/** With which the mayor changes beads and agents (spec/api.md §4.4). */
import type { Bead, ToolInput } from "@gastown/protocol";
import type { SessionContext, Town } from "@gastown/town";
import { actorOf } from "./actor-of.ts";
import type { ToolResult } from "./result.ts";
import { beadText, briefBead } from "./tools-common.ts";

const told = (bead: Bead): ToolResult => ({ text: beadText(bead), data: { bead: briefBead(bead) } });

export function beadUpdate(
  town: Town,
  session: SessionContext,
  args: ToolInput<"gt_bead_update">,
): ToolResult {
  const { bead_id, depends_on, rig_id, ...change } = args;
  return told(
    town.updateBead(
      bead_id,
      {
        ...change,
        ...(depends_on === undefined ? {} : { dependsOn: depends_on.map((on) => town.bead(on).id) }),
        ...(rig_id === undefined ? {} : { rigId: town.rig(rig_id).id }),
      },
      actorOf(session),
    ),
  );
}

export function beadHold(
  town: Town,
  session: SessionContext,
  { bead_id }: ToolInput<"gt_bead_hold">,
): ToolResult {
  return told(town.holdBead(bead_id, actorOf(session)));
}

export function beadStart(
  town: Town,
  session: SessionContext,
  { bead_id }: ToolInput<"gt_bead_start">,
): ToolResult {
  return told(town.startBead(bead_id, actorOf(session)));
}

export function beadClose(town: Town, session: SessionContext, args: ToolInput<"gt_bead_close">): ToolResult {
  return told(town.closeBead(args.bead_id, args.reason, args.note ?? "", actorOf(session)));
}

export function beadFail(town: Town, session: SessionContext, args: ToolInput<"gt_bead_fail">): ToolResult {
  return told(town.failBead(args.bead_id, args.note, actorOf(session)));
}

export function beadReassign(
  town: Town,
  session: SessionContext,
  { bead_id, agent_id, avoid_agent_id }: ToolInput<"gt_bead_reassign">,
): ToolResult {
  return told(
    town.reassignBead(bead_id, { agentId: agent_id, avoidAgentId: avoid_agent_id }, actorOf(session)),
  );
}

export function agentReset(
  town: Town,
  session: SessionContext,
  { agent_id }: ToolInput<"gt_agent_reset">,
): ToolResult {
  const { id, name } = town.resetAgent(agent_id, actorOf(session));
  return { text: `${name} is reset: its session ends, its work is saved.`, data: { agent_id: id } };
}
