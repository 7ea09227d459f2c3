/** Thrown failures as the outcomes that effects end with. */
import type { EffectOutcome } from "@gastown/protocol";
import { asGitFailure } from "./failure.ts";

/** What an effect answers when git could not go on. Rethrows what is no failure of git (an abort). */
export function effectFailure(error: unknown): EffectOutcome {
  const failure = asGitFailure(error);
  if (failure === null) throw error;
  const { code, message, action } = failure.failure;
  return code === "auth"
    ? { outcome: "auth", reason: message }
    : { outcome: "error", message: `${message} ${action}` };
}
