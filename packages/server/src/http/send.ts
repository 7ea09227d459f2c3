/** Answers as JSON bytes, counted for the request's event. */
import type { AppContext } from "./env.ts";

const encoder = new TextEncoder();

export function sendJson(
  c: AppContext,
  value: unknown,
  status: number,
  headers: Record<string, string> = {},
): Response {
  return sendText(c, JSON.stringify(value), status, headers);
}

/** JSON that was written before. */
export function sendText(
  c: AppContext,
  json: string,
  status: number,
  headers: Record<string, string> = {},
): Response {
  const bytes = encoder.encode(json);
  c.set("responseBytes", bytes.length);
  return new Response(bytes, {
    status,
    headers: { "content-type": "application/json", "content-length": String(bytes.length), ...headers },
  });
}
