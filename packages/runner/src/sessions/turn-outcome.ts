import type { FailureReason, TurnEnded } from "@gastown/protocol";
import type { Runtime } from "../agents/runtimes.ts";
import type { TurnEnd } from "./turns.ts";

/** What was wrong with a turn, or null (spec/runner.md §4). */
export function turnFailure(end: TurnEnd, runtime: Runtime | undefined): FailureReason | null {
  if (end.stalled) {
    return {
      code: "model_stalled",
      message: "Nothing came from the model for too long; the turn was cancelled.",
    };
  }
  if (end.reply === null) {
    const message = end.error instanceof Error ? end.error.message : String(end.error);
    return {
      code: "agent_error",
      message: `The agent ended its turn with an error: ${message}`.slice(0, 4_000),
    };
  }
  const { stopReason, usage } = end.reply;
  const empty = usage !== null && usage.input === 0 && usage.output === 0 && usage.total === 0;
  if (runtime?.reportsUsage === true && stopReason === "end_turn" && empty) {
    return {
      code: "model_failed",
      message: "The turn ended without a single token: the model was not reached.",
    };
  }
  return null;
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
