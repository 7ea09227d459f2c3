/** Answers 304 to who has seen this answer already. */
import { createHash } from "node:crypto";

export async function conditional(request: Request, response: Response): Promise<Response> {
  if (request.method !== "GET" || response.status !== 200) return response;
  const bytes = await response.arrayBuffer();
  const etag = `W/"${createHash("sha256").update(Buffer.from(bytes)).digest("hex").slice(0, 32)}"`;
  const headers = new Headers(response.headers);
  headers.set("etag", etag);
  return request.headers.get("if-none-match") === etag
    ? new Response(null, { status: 304, headers })
    : new Response(bytes, { status: 200, headers });
}
