/**
 * The agents' endpoint (spec/api.md §4.1): HTTP that needs no session, stateless, JSON answers. The token says
 * which session calls; the session's row says whether that still counts.
 */
import { GastownError } from "@gastown/protocol";
import type { SessionContext } from "@gastown/town";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import { z } from "zod";
import { assertFresh, GRACE_MS, verifySessionToken, type SessionToken } from "../auth/tokens.ts";
import { bearerOf } from "../auth/users.ts";
import { jsonOf, readBytes } from "../http/body.ts";
import { documentOf } from "../http/document.ts";
import type { App, AppContext } from "../http/env.ts";
import type { Registry } from "../http/registry.ts";
import type { ServerPorts } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";
import { mcpServer } from "./mcp-server.ts";

// cspell:ignore Streamable
const PATH = "/api/towns/{townId}/sessions/{sessionId}/mcp";
const PATTERN = "/api/towns/:townId/sessions/:sessionId/mcp";
const methodOf = z.object({ method: z.string() });

export function mcpRoute(app: App, ports: ServerPorts, registry: Registry): void {
  const declare = (method: "post" | "delete", operation: string, summary: string): void => {
    registry.add({ method: method.toUpperCase(), pattern: PATTERN, operation });
    app.openAPIRegistry.registerPath(
      documentOf({ method, path: PATH, operation, summary, who: "session", answer: z.object({}) }),
    );
  };

  declare("post", "mcp.call", "One JSON-RPC message of an agent (Model Context Protocol).");
  app.on("POST", PATTERN, async (c) => {
    begin(c, "mcp.call");
    const bytes = await readBytes(c);
    const { actor, token, expired } = await authenticate(ports, c);
    const message = jsonOf(c, bytes);
    const session = sessionBehind(ports, c, actor, token);
    const isCall = methodOf.safeParse(message).data?.method === "tools/call";
    if (!session?.live) {
      if (expired)
        throw new GastownError("token_expired", "This token is past its end and its session is over.");
      // A call is answered as a tool's result, which is what the model reads.
      if (!isCall) throw new GastownError("session_fenced", "This session is over and its work is saved.");
    }
    return answer(ports, c, { actor, session, message });
  });

  declare("delete", "mcp.end", "Has no effect: there is no state to end.");
  app.on("DELETE", PATTERN, async (c) => {
    begin(c, "mcp.end");
    await authenticate(ports, c);
    return c.body(null, 200);
  });
}

function begin(c: AppContext, operation: string): void {
  c.set("operation", operation);
  c.set("delivery", "mcp");
}

interface Authenticated {
  actor: TownActor;
  token: SessionToken;
  expired: boolean;
}

/** Claims and path must agree. Throws `unauthenticated`, `token_invalid`, `token_expired`, `scope_mismatch`. */
async function authenticate(ports: ServerPorts, c: AppContext): Promise<Authenticated> {
  const bearer = bearerOf(c);
  if (bearer === undefined) throw new GastownError("unauthenticated", "Send this session's token.");
  const verified = await verifySessionToken(ports.keys, bearer, ports.now());
  assertFresh(verified, ports.now(), GRACE_MS);
  const token = verified.claims;
  if (token.townId !== c.req.param("townId") || token.sessionId !== c.req.param("sessionId")) {
    throw new GastownError("scope_mismatch", "This token belongs to another session.");
  }
  const { sessionId, townId, agentId, role, epoch } = token;
  c.set("principal", { kind: "session", sessionId, townId, agentId, role, epoch });
  const actor = await ports.towns.get(token.townId);
  if (actor === undefined) throw new GastownError("session_fenced", "The town of this session is gone.");
  return { actor, token, expired: verified.expired };
}

/** The session, live or ended; null where its epoch or agent is not the token's. */
function sessionBehind(
  ports: ServerPorts,
  c: AppContext,
  actor: TownActor,
  token: SessionToken,
): SessionContext | null {
  const { sessionId, epoch, agentId } = token;
  try {
    return actor.read((town) => town.authorizeSession({ sessionId, epoch, agentId }, { allowEnded: true }));
  } catch (error) {
    if (!(error instanceof GastownError) || (error.code !== "session_fenced" && error.code !== "not_found"))
      throw error;
    ports.sink.event({
      event: "session.fenced_call",
      at: new Date(ports.now()).toISOString(),
      delivery: "mcp",
      requestId: c.get("requestId"),
      townId: token.townId,
      sessionId,
      agentId,
      callEpoch: epoch,
    });
    return null;
  }
}

interface Message {
  actor: TownActor;
  session: SessionContext | null;
  message: unknown;
}

/** A server of the library for this one message: nothing outlives it, so nothing can leak. */
async function answer(
  ports: ServerPorts,
  c: AppContext,
  { actor, session, message }: Message,
): Promise<Response> {
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  const server = mcpServer({ ports, actor, session, requestId: c.get("requestId") });
  await server.connect(transport);
  try {
    return await transport.handleRequest(c.req.raw, { parsedBody: message });
  } finally {
    await server.close();
  }
}
