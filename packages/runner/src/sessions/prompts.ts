import type { Role, StartRequest } from "@gastown/protocol";
import type { Prompt } from "./turns.ts";

const CONTINUED =
  "You were interrupted by a restart. Your directory is as you left it. Go on with your work from there; gt_prime says again what it is.";
const BEGUN =
  "You had begun this before a restart: your directory holds what you had done. Look at it first.";

/**
 * The first prompt of a session, or null when it opens and waits (mayor). A conversation that goes
 * on has the prompt already; a resumed session without its conversation is told that it had begun.
 */
export function openingPrompt(
  { prompt, resume }: Pick<StartRequest, "prompt" | "resume">,
  loaded: boolean,
): string | null {
  if (prompt === null || !resume) return prompt;
  return loaded ? CONTINUED : `${prompt}\n\n${BEGUN}`;
}

const CUT_OFF =
  "Your last turn was cut off because the model was not available. What you had done stands; go on from there. The turn began with:";

/** The same turn once more. A nudge in it was acknowledged when it was first shown. */
export function repeated({ text, source, messageId }: Prompt, hadBegun: boolean): Prompt {
  const isSaid = text.startsWith(CUT_OFF);
  return { text: hadBegun && !isSaid ? `${CUT_OFF}\n\n${text}` : text, source, messageId };
}

/** Said once to an agent whose turn ended without an outcome (spec/runner.md §4). */
export function askToFinish(role: Role): string {
  const how = role === "refinery" ? "gt_approve or gt_request_changes" : "gt_done";
  return `Your turn ended, but this is not finished. Finish it and call ${how}, or say with gt_escalate what blocks you.`;
}

/** Before the next words, where the role's instructions can only be told. */
export function changedInstructions(system: string): string {
  return `Your instructions have changed. From now on only these hold:\n\n${system}`;
}
