import { CommandError, EXIT } from "./failure.ts";

/** Thrown by whatever waits when a person presses Ctrl-C. */
export function interruption(): CommandError {
  return new CommandError(EXIT.interrupted, "timeout", "Interrupted.");
}
