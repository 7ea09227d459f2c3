/** Every error leaves in one shape (spec/api.md §1.3). */
import { ensureError, type ErrorBody, GastownError, RetryableError } from "@gastown/protocol";
import type { z } from "zod";
import type { AppContext } from "./env.ts";
import { sendJson } from "./send.ts";

const MAX_ISSUES = 50;
const RETRY_AFTER_SECONDS = 1;

/** The answer for whatever was thrown; a stranger's text stays in the log. */
export function errorResponse(c: AppContext, thrown: unknown): Response {
  const error = ensureError(thrown);
  c.set("errorCode", error.code);
  const headers: Record<string, string> = {};
  if (error.status === 503 || error.status === 429 || error.code === "idempotency_in_progress") {
    const ms = error instanceof RetryableError ? (error.retryAfterMs ?? 0) : 0;
    headers["retry-after"] = String(Math.max(RETRY_AFTER_SECONDS, Math.ceil(ms / 1000)));
  }
  const allow = error.code === "method_not_allowed" ? error.details?.["allow"] : undefined;
  if (Array.isArray(allow)) headers["allow"] = allow.join(", ");
  return sendJson(c, errorBody(error, c.get("requestId")), error.status, headers);
}

export function errorBody(error: GastownError, requestId?: string): ErrorBody {
  const { code, message, details } = error;
  return {
    error: {
      code,
      message,
      ...(details === undefined ? {} : { details }),
      ...(requestId === undefined ? {} : { requestId }),
    },
  };
}

/** Issues of a schema without the values that were sent: they may be secrets. */
function issuesOf(error: z.ZodError): { path: PropertyKey[]; code: string; message: string }[] {
  return error.issues.slice(0, MAX_ISSUES).map(({ path, code, message }) => ({ path, code, message }));
}

/** `validation_failed` for one part of a request (`body`, `query`, arguments). */
export function validationError(what: string, error: z.ZodError): GastownError {
  const issues = issuesOf(error);
  const first = issues[0];
  const where =
    first === undefined || first.path.length === 0 ? what : `${what}.${first.path.map(String).join(".")}`;
  return new GastownError("validation_failed", `${where}: ${first?.message ?? "not valid"}.`, { issues });
}
