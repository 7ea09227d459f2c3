/** The mayor of a simulation answers; or its process ends in the middle of a turn. */
import { MINUTE, SECOND } from "../kernel/timeline.ts";
import type { AgentSession } from "../runner/agent-session.ts";

export function workAsMayor(session: AgentSession, messageId: string): void {
  session.state = "busy";
  const { runner } = session;
  session.think(runner.random.skewed(2 * SECOND, 5 * MINUTE), () => {
    if (runner.world.faults.hit("agent_crash")) return session.end("failed", "agent_exited");
    session.paid();
    session.turnOver();
    const endedAt = runner.wallNow();
    runner.callbacks.add({
      lane: session.id,
      name: `turn of ${session.id}`,
      tell: (town) =>
        town.post({
          type: "turn_ended",
          sessionId: session.id,
          turn: { epoch: session.epoch, ended_at: endedAt, stop_reason: "end_turn", message_id: messageId },
        }),
    });
  });
}
