/** Carries a fault out on one request. */
import type { ServerResponse } from "node:http";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Fault } from "../faults/faults.ts";

const SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";

function cut(outgoing: ServerResponse): Response {
  outgoing.destroy();
  return RESPONSE_ALREADY_SENT;
}

function withText(response: Response, text: string, type?: string): Response {
  const headers = new Headers(response.headers);
  headers.delete("content-length");
  headers.delete("etag");
  if (type !== undefined) headers.set("content-type", type);
  return new Response(text, { status: response.status, headers });
}

export async function spoil(
  fault: Fault,
  outgoing: ServerResponse,
  /** `whole`: also where the client has that answer already, or there is nothing to spoil. */
  serve: (how?: "whole") => Promise<Response>,
): Promise<Response> {
  switch (fault.kind) {
    case "status": {
      const { status, headers, body } = fault;
      return new Response(body ?? JSON.stringify({ message: "a fault on request" }), {
        status,
        headers: { "content-type": body === undefined ? "application/json" : "text/html", ...headers },
      });
    }
    case "secondary_limit":
      return Response.json({ message: SECONDARY }, { status: 403 });
    case "drop":
      return cut(outgoing);
    case "lose_answer":
      await serve();
      return cut(outgoing);
    case "interrupt":
      if (fault.moment === "done") await serve();
      await fault.meanwhile();
      return cut(outgoing);
    case "truncate": {
      const response = await serve("whole");
      const text = await response.text();
      return withText(response, text.slice(0, Math.floor(text.length / 2)));
    }
    case "malformed":
      return withText(await serve("whole"), "<html>Sign in to the proxy</html>");
    case "rewrite": {
      const response = await serve("whole");
      const body: unknown = await response.json();
      return withText(response, JSON.stringify(fault.change(body)), "application/json");
    }
    default: {
      const gone = Promise.withResolvers<"gone">();
      outgoing.once("close", () => gone.resolve("gone"));
      const left = await Promise.race([fault.until, gone.promise]);
      return left === "gone" ? RESPONSE_ALREADY_SENT : serve();
    }
  }
}
