/**
 * The one error type of the product and its stable codes (spec/api.md §1.3).
 * Programs switch on `code`; `message` is a sentence for a person that says what to do.
 */

export type Retry = "no" | "same" | "fresh";

/** `[http status, what our clients do]` per code. Codes are never renamed, only added. */
export const ERROR_CODES = {
  validation_failed: [400, "no"],
  malformed_json: [400, "no"],
  invalid_cursor: [400, "fresh"],
  dependency_cycle: [400, "no"],
  invalid_dependency: [400, "no"],
  dependencies_unspecified: [400, "no"],
  unknown_setting: [400, "no"],
  masked_value_unknown: [400, "no"],
  unauthenticated: [401, "no"],
  token_invalid: [401, "no"],
  token_expired: [401, "fresh"],
  login_code_invalid: [401, "no"],
  ticket_invalid: [401, "fresh"],
  forbidden: [403, "no"],
  user_mismatch: [403, "no"],
  scope_mismatch: [403, "no"],
  host_not_allowed: [403, "no"],
  origin_not_allowed: [403, "no"],
  loopback_only: [403, "no"],
  host_mismatch: [403, "no"],
  not_found: [404, "no"],
  route_not_found: [404, "no"],
  method_not_allowed: [405, "no"],
  session_fenced: [409, "no"],
  runner_fenced: [409, "no"],
  invalid_transition: [409, "fresh"],
  already_exists: [409, "no"],
  name_taken: [409, "no"],
  has_live_work: [409, "no"],
  convoy_not_staged: [409, "fresh"],
  convoy_finished: [409, "fresh"],
  outcome_recorded: [409, "no"],
  head_moved: [409, "fresh"],
  pr_not_open: [409, "fresh"],
  idempotency_in_progress: [409, "same"],
  rig_not_ready: [409, "fresh"],
  precondition_failed: [412, "fresh"],
  payload_too_large: [413, "no"],
  unsupported_media_type: [415, "no"],
  idempotency_key_reused: [422, "no"],
  no_token: [422, "no"],
  unrecognized_url: [422, "no"],
  repo_mismatch: [422, "no"],
  nothing_to_submit: [422, "no"],
  changes_present: [422, "no"],
  push_failed: [422, "no"],
  verdict_required: [422, "no"],
  steps_open: [422, "no"],
  action_not_offered: [422, "no"],
  tool_not_available: [422, "no"],
  repository_unusable: [422, "no"],
  runtime_missing: [422, "no"],
  tools_missing: [422, "no"],
  upgrade_required: [426, "no"],
  precondition_required: [428, "no"],
  rate_limited: [429, "same"],
  internal: [500, "same"],
  forge_error: [502, "same"],
  runner_error: [502, "same"],
  not_ready: [503, "same"],
  draining: [503, "same"],
  runner_unavailable: [503, "same"],
  at_capacity: [503, "same"],
  model_unavailable: [503, "same"],
  storage_busy: [503, "same"],
  timeout: [504, "same"],
} as const satisfies Record<string, readonly [number, Retry]>;

export type ErrorCode = keyof typeof ERROR_CODES;

export type ErrorDetails = Readonly<Record<string, unknown>>;

/** Thrown for everything a caller can act on. Nothing else may cross the server's edge. */
export class GastownError extends Error {
  override readonly name: string = "GastownError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails | undefined;

  constructor(code: ErrorCode, message: string, details?: ErrorDetails) {
    super(message);
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return ERROR_CODES[this.code][0];
  }
}

/** An effect that will never succeed as it is: dead at once (spec/town.md §4). */
export class TerminalError extends GastownError {
  override readonly name = "TerminalError";
}

/** An effect that may succeed later, `retryAfterMs` from now where the other side said so. */
export class RetryableError extends GastownError {
  override readonly name = "RetryableError";
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { retryAfterMs?: number; details?: ErrorDetails } = {},
  ) {
    super(code, message, options.details);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The error object that every answer of every surface carries (spec/api.md §1.3). */
export interface ErrorBody {
  error: { code: ErrorCode; message: string; details?: ErrorDetails; requestId?: string };
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}

/** Whatever was thrown as a `GastownError`; a stranger becomes `internal` without its text. */
export function ensureError(thrown: unknown): GastownError {
  if (thrown instanceof GastownError) return thrown;
  return new GastownError("internal", "Something went wrong inside gastown. Its log has the details.");
}
