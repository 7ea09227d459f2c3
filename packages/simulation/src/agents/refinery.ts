/** A reviewer: one verdict for one head; or none, two, or another one. */
import type { Town } from "@gastown/town";
import { MINUTE, SECOND } from "../kernel/timeline.ts";
import type { AgentSession } from "../runner/agent-session.ts";

type Kind = "approve" | "request_changes";

export function workAsRefinery(session: AgentSession): void {
  const { faults } = session.runner.world;
  const { random } = session.runner;
  const duration = random.skewed(20 * SECOND, 15 * MINUTE);
  if (faults.hit("agent_crash")) return session.later(duration, () => session.end("failed", "agent_exited"));
  if (faults.hit("agent_hang")) {
    session.frozenAt = session.runner.wallNow();
    return;
  }
  if (faults.hit("review_silent")) return session.think(duration, () => end(session));
  const kind: Kind = faults.hit("review_rejects") ? "request_changes" : "approve";
  session.think(duration, () => give(session, kind, 1));
}

function give(session: AgentSession, kind: Kind, attempt: number): void {
  session.tool(
    `verdict ${kind}`,
    (town) => {
      verdict(town, session.id, kind);
      // What the reviewer saw is the head that it was started at.
      if (kind === "approve")
        session.runner.world.approvals.add(`${session.plan.bead?.id} ${session.plan.start_point}`);
    },
    (outcome) => {
      const unknown = outcome.type === "lost" || outcome.type === "down";
      if (unknown && attempt < 6) return session.later(5 * SECOND, () => give(session, kind, attempt + 1));
      if (session.runner.world.faults.hit("agent_lies"))
        return session.later(SECOND, () =>
          give(session, kind === "approve" ? "request_changes" : "approve", 6),
        );
      end(session);
    },
  );
}

function verdict(town: Town, sessionId: string, kind: Kind): unknown {
  return town.giveVerdict(
    sessionId,
    kind === "approve"
      ? { kind, summary: "good" }
      : { kind, feedback: "not yet", files: [{ path: "src/a.ts", line: 1, note: "why?" }] },
  );
}

function end(session: AgentSession): void {
  session.paid();
  session.turnOver();
  session.later(10 * MINUTE, () => session.end("completed", "no_outcome"));
}
