import type { FailureReason, TurnEnded } from "@gastown/protocol";
import type { Prompt, TurnEnd } from "./turns.ts";

/** The agent's own failure in a turn that was not its model's trouble, or null (spec/runner.md §4). */
export function turnFailure({ reply, error }: TurnEnd): FailureReason | null {
  if (reply !== null) return null;
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: "agent_error",
    message: `The agent ended its turn with an error: ${message}`.slice(0, 4_000),
  };
}

/** What the town is told of a turn of the mayor (spec/api.md §3.16). */
export function turnReport(epoch: number, { prompt, reply, stalled }: TurnEnd): TurnEnded {
  return {
    epoch,
    ended_at: Date.now(),
    stop_reason: stalled ? "stalled" : (reply?.stopReason ?? "error"),
    message_id: prompt.messageId,
  };
}

/** The same of one that waited to be repeated and is given up. */
export function cancelledReport(epoch: number, { messageId }: Prompt): TurnEnded {
  return { epoch, ended_at: Date.now(), stop_reason: "cancelled", message_id: messageId };
}
