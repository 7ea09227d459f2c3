/** Tools of every role, and the mayor's retry (spec/api.md §4.2, §4.4). */
import { GastownError, type Bead, type LiveFrame, type ToolInput } from "@gastown/protocol";
import type { SessionContext, Town } from "@gastown/town";
import { renderPrompt } from "../prompts/prompt.ts";
import { compose } from "../prompts/text.ts";
import type { ToolCall } from "./handlers.ts";
import { actorOf } from "./actor-of.ts";
import type { ToolResult } from "./result.ts";

export function prime(town: Town, session: SessionContext): ToolResult {
  const context = town.prime(session.sessionId);
  return { text: renderPrompt(context), data: { ...context }, whole: true };
}

export function status(
  town: Town,
  session: SessionContext,
  { message }: ToolInput<"gt_status">,
  call: ToolCall,
): ToolResult {
  town.setStatusText(session.sessionId, message);
  const frame: LiveFrame = {
    type: "agent_status",
    agentId: session.agent.id,
    sessionId: session.sessionId,
    name: session.agent.name,
    text: message,
    at: new Date(call.now).toISOString(),
  };
  call.actor.feed.broadcast(frame);
  return { text: "Status shown.", data: {} };
}

export function checkpoint(
  town: Town,
  session: SessionContext,
  { data, note }: ToolInput<"gt_checkpoint">,
): ToolResult {
  if (data === undefined && note === undefined) {
    throw new GastownError(
      "validation_failed",
      "A checkpoint needs something to keep. Give data (an object) or note (text).",
    );
  }
  town.checkpoint(
    session.sessionId,
    data === undefined ? { note } : note === undefined ? data : { ...data, note },
  );
  return { text: "Checkpoint saved.", data: {} };
}

export function beadStatus(
  town: Town,
  session: SessionContext,
  { bead_id }: ToolInput<"gt_bead_status">,
): ToolResult {
  const ref = bead_id ?? session.beadId;
  if (ref === null)
    throw new GastownError("not_found", "You have no bead of your own. Name one with bead_id.");
  const bead = town.bead(ref);
  if (session.role !== "mayor" && bead.rigId !== session.rigId) {
    throw new GastownError("not_found", "There is no such bead in your rig. Check the id.");
  }
  return { text: beadText(bead), data: { bead: briefBead(bead) } };
}

export function why(town: Town, _session: SessionContext, { bead_id }: ToolInput<"gt_why">): ToolResult {
  const told = town.why(bead_id);
  const lines = told.chain.map(
    ({ id, title, status, waitingOn }) =>
      `- ${id} ${status}${waitingOn === undefined ? "" : `, waits: ${waitingOn.code}`}: ${title}`,
  );
  const can = told.actions.map(({ command, does }) => `- ${does}: ${command}`);
  return {
    text: compose(
      [`${told.id} is ${told.state}.`, ...(can.length === 0 ? [] : ["What a person can do:", ...can])],
      [
        { heading: "Why", text: told.sentence },
        { heading: "Down to what decides", text: lines.join("\n") },
      ],
    ),
    data: { ...told },
  };
}

export function escalate(town: Town, session: SessionContext, args: ToolInput<"gt_escalate">): ToolResult {
  const { id, severity, routedTo } = town.escalate(session.sessionId, args);
  const told =
    routedTo === undefined ? "a person will see it" : "triage looks at it first, then whoever can answer it";
  return {
    text: `Escalated as ${id} (${severity}): ${told}. Go on with what you can; do not wait here.`,
    data: { escalation_id: id, severity, told: routedTo ?? "people" },
  };
}

export function beadRetry(
  town: Town,
  session: SessionContext,
  { bead_id, fresh = false, note = "" }: ToolInput<"gt_bead_retry">,
): ToolResult {
  const bead = town.retryBead(bead_id, { fresh, note }, actorOf(session));
  return { text: beadText(bead), data: { bead: briefBead(bead) } };
}

/** A bead as a model is told it. */
export function briefBead(bead: Bead): Record<string, unknown> {
  return {
    id: bead.id,
    type: bead.type,
    kind: bead.kind,
    status: bead.status,
    reason: bead.reason,
    title: bead.title,
    rig_id: bead.rigId,
    convoy_id: bead.convoyId,
    priority: bead.priority,
    held: bead.held,
    waiting_on:
      bead.waitingOn === undefined ? null : { code: bead.waitingOn.code, message: bead.waitingOn.message },
    assignee: bead.assignee?.name ?? null,
  };
}

export function beadText(bead: Bead): string {
  const why = bead.reason === null ? "" : ` (${bead.reason})`;
  const waits = bead.waitingOn === undefined ? "" : ` It waits: ${bead.waitingOn.code}.`;
  const who = bead.assignee === undefined ? "" : ` ${bead.assignee.name} works on it.`;
  return compose(
    [`${bead.id} is ${bead.status}${why}.${waits}${who}`],
    [{ heading: bead.id, text: bead.title }],
  );
}
