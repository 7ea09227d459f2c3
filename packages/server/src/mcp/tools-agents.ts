/** With which agents reach each other (spec/api.md §4.2, §4.4). */
import { GastownError, type ToolInput } from "@gastown/protocol";
import type { SessionContext, Town } from "@gastown/town";
import { compose } from "../prompts/text.ts";
import { actorOf } from "./actor-of.ts";
import type { ToolResult } from "./result.ts";

const SEEN = {
  now: "its running turn is interrupted for it",
  when_idle: "it sees it when its turn ends",
  queue: "it sees it when its turn ends, or in its next session",
} as const;

export function nudge(town: Town, session: SessionContext, args: ToolInput<"gt_nudge">): ToolResult {
  const mode = args.mode ?? "when_idle";
  const { id } = town.nudgeAgent(
    args.agent_id,
    {
      message: args.message,
      mode,
      ...(args.urgent === undefined ? {} : { urgent: args.urgent }),
      ...(args.ttl_seconds === undefined ? {} : { ttlSeconds: args.ttl_seconds }),
    },
    actorOf(session),
  );
  return { text: `Nudge ${id} is on its way: ${SEEN[mode]}.`, data: { nudge_id: id, mode } };
}

export function mailCheck(town: Town, session: SessionContext): ToolResult {
  const mail = town.checkMail(session.sessionId);
  if (mail.length === 0) return { text: "No mail.", data: { items: [] } };
  return {
    text: compose(
      [`${mail.length} message${mail.length === 1 ? "" : "s"}. Your next call says that you have read them.`],
      mail.map(({ from, subject, body }) => ({ heading: `From ${from.name}: ${subject}`, text: body })),
    ),
    data: { items: mail.map(({ id, from, subject, body }) => ({ id, from: from.name, subject, body })) },
  };
}

export function mailSend(town: Town, session: SessionContext, args: ToolInput<"gt_mail_send">): ToolResult {
  if (session.role === "polecat" || session.role === "refinery") assertNear(town, session, args.to);
  const sent = town.sendMailAs(session.sessionId, args);
  const names = sent.map(({ to }) => to).join(", ");
  const live = town
    .agents()
    .some((agent) => agent.sessionId !== null && sent.some((mail) => mail.toAgentId === agent.id));
  const when = live ? "It is told now that it has mail." : "It is read with the next session.";
  return { text: `Sent to ${names}. ${when}`, data: { items: sent.map(({ id, to }) => ({ id, to })) } };
}

/** Workers write to the mayor and to those of their own rig. */
function assertNear(town: Town, session: SessionContext, to: string): void {
  if (to === "mayor") return;
  const near = town
    .agents()
    .filter((agent) => agent.rigId === session.rigId || agent.role === "mayor")
    .some((agent) => agent.id === to || agent.name.toLowerCase() === to.toLowerCase());
  if (!near)
    throw new GastownError(
      "not_found",
      `There is no ${to} in your rig. Write to a colleague there, or to mayor.`,
    );
}

export function triageResolve(
  town: Town,
  session: SessionContext,
  args: ToolInput<"gt_triage_resolve">,
): ToolResult {
  const { action, applied, left } = town.resolveTriage(session.sessionId, args);
  const changed = applied ? "" : " That was settled meanwhile, so nothing was changed.";
  return { text: `Resolved: ${action}.${changed} ${left} left.`, data: { action, applied, left } };
}

const FOR_PEOPLE = /^(approve|allow_)/;

export function escalationAcknowledge(
  town: Town,
  session: SessionContext,
  { escalation_id }: ToolInput<"gt_escalation_acknowledge">,
): ToolResult {
  const { id } = town.acknowledgeEscalation(escalation_id, actorOf(session));
  return { text: `${id} is not raised again.`, data: { escalation_id: id } };
}

export function escalationResolve(
  town: Town,
  session: SessionContext,
  { escalation_id, choice, note }: ToolInput<"gt_escalation_resolve">,
): ToolResult {
  if (choice !== undefined && FOR_PEOPLE.test(choice))
    throw new GastownError(
      "forbidden",
      `Only a person can answer ${choice}. Tell them what you would do and why.`,
    );
  const { id, resolution } = town.resolveEscalation(
    escalation_id,
    { choice, answer: note },
    actorOf(session),
  );
  return { text: `${id} is answered (${resolution?.choice ?? "with a text"}).`, data: { escalation_id: id } };
}
