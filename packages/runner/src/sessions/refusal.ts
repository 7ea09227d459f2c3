import { GastownError } from "@gastown/protocol";
import type { FailureReason } from "@gastown/protocol";
import type { Redactor } from "../agents/redact.ts";
import { GitFailure } from "../git/index.ts";

/** A start that cannot be done, with what a person reads (spec/runner.md §7). */
export class StartRefusal extends Error {
  override readonly name = "StartRefusal";
  readonly reason: FailureReason;

  constructor(reason: FailureReason) {
    super(reason.message);
    this.reason = reason;
  }
}

/** Any failure as the reason of a session, cut to what the contract takes. */
export function reasonOf(thrown: unknown, phase: FailureReason["phase"], stderrTail = ""): FailureReason {
  const reason = plainReason(thrown, phase);
  return {
    ...reason,
    message: reason.message.slice(0, 4_000),
    ...(stderrTail === "" || reason.stderr_tail !== undefined
      ? {}
      : { stderr_tail: stderrTail.slice(-16_000) }),
  };
}

/** Without secrets: agents, git and setup commands repeat what they were given (spec/runner.md §7). */
export function cleaned(reason: FailureReason, redactor: Pick<Redactor, "clean">): FailureReason {
  const { message, action, stderr_tail: tail } = reason;
  return {
    ...reason,
    message: redactor.clean(message),
    ...(action === undefined ? {} : { action: redactor.clean(action) }),
    ...(tail === undefined ? {} : { stderr_tail: redactor.clean(tail) }),
  };
}

/** What nobody has to mend, or what nobody foresaw. */
const TRIED_AGAIN = "It is tried again by itself. The log of the runner says more.";

function plainReason(thrown: unknown, phase: FailureReason["phase"]): FailureReason {
  if (thrown instanceof StartRefusal) return thrown.reason;
  if (thrown instanceof GitFailure) return thrown.failure;
  const known = phase === undefined ? {} : { phase };
  if (thrown instanceof GastownError) {
    const action = thrown.details?.["action"];
    const told = typeof action === "string" ? action.slice(0, 1_000) : TRIED_AGAIN;
    return { code: thrown.code, ...known, message: thrown.message, action: told };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { code: "runner_error", ...known, message, action: TRIED_AGAIN };
}

/** A request means another life of this session. */
export function fencedHere(here: { session_id: string; epoch: number }, asked: number): GastownError {
  return new GastownError(
    "session_fenced",
    `Session ${here.session_id} is here with epoch ${here.epoch}, not ${asked}.`,
  );
}
