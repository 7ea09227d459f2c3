/** Triage: decides what it was given, some of it or nothing, and says that its batch is over. */
import { MINUTE, SECOND } from "../kernel/timeline.ts";
import type { AgentSession } from "../runner/agent-session.ts";

export function workAsTriage(session: AgentSession): void {
  const { faults } = session.runner.world;
  const duration = session.runner.random.skewed(20 * SECOND, 15 * MINUTE);
  if (faults.hit("agent_crash")) return session.later(duration, () => session.end("failed", "agent_exited"));
  session.think(duration, () => decide(session, 0));
}

/** One request after the other, each by one of the actions that it offers. */
function decide(session: AgentSession, index: number): void {
  const request = session.plan.prime.triage[index];
  const { faults } = session.runner.world;
  if (!request || faults.hit("agent_lies")) return batchOver(session, 1);
  const action = session.runner.random.pickFrom(request.actions) ?? "discard";
  session.tool(
    `triage ${action}`,
    (town) =>
      town.resolveTriage(session.id, {
        request_id: request.id,
        action,
        notes: "as it seems",
        message: "Go on with your bead.",
      }),
    () => session.later(SECOND, () => decide(session, index + 1)),
  );
}

function batchOver(session: AgentSession, attempt: number): void {
  session.tool(
    "gt_done of triage",
    (town) => town.requestDone(session.id, { summary: "decided" }),
    (outcome) => {
      const unknown = outcome.type === "lost" || outcome.type === "down";
      if (unknown && attempt < 6) return session.later(5 * SECOND, () => batchOver(session, attempt + 1));
      session.paid();
      session.turnOver();
      session.later(10 * MINUTE, () => session.end("completed", "no_outcome"));
    },
  );
}
