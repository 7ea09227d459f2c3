import { GastownError, type ErrorBody, type ErrorCode } from "@gastown/protocol";

/** Exit codes of every command (spec/api.md §7). */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  noServer: 4,
  notAllowed: 5,
  conflict: 6,
  waitEnded: 7,
  problemsFound: 8,
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure of a command whose exit code does not follow from its error code. */
export class CommandError extends GastownError {
  override readonly name = "CommandError";
  readonly exit: ExitCode;

  constructor(exit: ExitCode, code: ErrorCode, message: string, details?: Record<string, unknown>) {
    super(code, message, details);
    this.exit = exit;
  }
}

/** A wrong way to call a command. */
export function usageError(message: string): CommandError {
  return new CommandError(EXIT.usage, "validation_failed", message);
}

export function noServer(message: string): CommandError {
  return new CommandError(EXIT.noServer, "not_ready", message);
}

export function exitCodeOf(error: GastownError): ExitCode {
  if (error instanceof CommandError) return error.exit;
  switch (error.status) {
    case 401:
    case 403:
      return EXIT.notAllowed;
    case 404:
      return EXIT.notFound;
    case 409:
    case 412:
      return EXIT.conflict;
    default:
      return EXIT.failed;
  }
}

/** Whatever was thrown, as something that can be shown. A defect names itself, its stack apart. */
export function shown(thrown: unknown): { error: GastownError; defect: string | undefined } {
  if (thrown instanceof GastownError) return { error: thrown, defect: undefined };
  const what = thrown instanceof Error ? thrown.message : String(thrown);
  const message = `This is a defect of gastown: ${what.split("\n")[0]}. GASTOWN_DEBUG=1 shows where.`;
  const defect = thrown instanceof Error ? (thrown.stack ?? what) : what;
  return { error: new GastownError("internal", message), defect };
}

export function errorBody(error: GastownError): ErrorBody {
  const { code, message, details } = error;
  return { error: { code, message, ...(details === undefined ? {} : { details }) } };
}
