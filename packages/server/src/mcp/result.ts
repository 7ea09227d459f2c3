/** What a tool gives back: one text for the model, and the same as data (spec/api.md §4.1). */
import { ensureError, type GastownError } from "@gastown/protocol";
import type { CallToolResult } from "@modelcontextprotocol/server";
import { errorBody } from "../http/errors.ts";

const MAX_TEXT = 4_000;
const FENCED = "This session is over and its work is saved. Stop now; nothing you do is kept.";

export interface ToolResult {
  text: string;
  data: Record<string, unknown>;
  /** The text is the work itself and may be longer. */
  whole?: boolean;
}

export function success({ text, data, whole }: ToolResult): CallToolResult {
  return { content: [{ type: "text", text: whole ? text : cut(text) }], structuredContent: data };
}

/** `<code>: <what happened>. <what to do now>.` */
export function failure(thrown: unknown, requestId: string): CallToolResult {
  const error = ensureError(thrown);
  return {
    isError: true,
    content: [{ type: "text", text: cut(`${error.code}: ${textOf(error)}`) }],
    structuredContent: { ...errorBody(error, requestId) },
  };
}

function textOf(error: GastownError): string {
  if (error.code === "session_fenced") return FENCED;
  const issues = error.code === "validation_failed" ? error.details?.["issues"] : undefined;
  return Array.isArray(issues) && issues.length > 0
    ? `${error.message} ${issueLines(issues)}`
    : error.message;
}

/** Every issue, so that the model can correct itself in one go. */
function issueLines(issues: readonly unknown[]): string {
  return issues
    .map((issue) => {
      if (typeof issue !== "object" || issue === null || !("path" in issue) || !("message" in issue))
        return "";
      const path = Array.isArray(issue.path) ? issue.path.map(String).join(".") : "";
      return `${path === "" ? "arguments" : path}: ${String(issue.message)}.`;
    })
    .join(" ");
}

function cut(text: string): string {
  if (text.length <= MAX_TEXT) return text;
  const note = ` … (${text.length - MAX_TEXT + 60} more characters; see the structured result)`;
  return text.slice(0, MAX_TEXT - note.length) + note;
}
