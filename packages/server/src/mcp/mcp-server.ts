/** What one message of an agent can ask for: the role's tools, and calls of them. */
import type { Role } from "@gastown/protocol";
import { isReadOnly, primeContext, toolsOf } from "@gastown/protocol";
import { Server, type Tool } from "@modelcontextprotocol/server";
import { z } from "zod";
import { callTool, type CallPorts } from "./call.ts";

/** A server of the library over one session; with `session: null` every call is fenced. */
export function mcpServer(context: CallPorts): Server {
  const { ports, actor, session } = context;
  const server = new Server({ name: "gastown", version: ports.version }, { capabilities: { tools: {} } });

  server.setRequestHandler("tools/list", () => {
    if (session === null) return { tools: [] };
    const { sessionId } = session;
    // The first list is what makes a start ready (spec/runner.md §3); later ones change nothing.
    if (session.live && !actor.read((town) => town.hasListedTools(sessionId))) {
      actor.run((town) => town.toolsListed(sessionId));
    }
    return { tools: listOf(session.role) };
  });
  server.setRequestHandler("tools/call", ({ params }) =>
    callTool(context, params.name, params.arguments ?? {}),
  );
  return server;
}

const lists = new Map<Role, Tool[]>();

/** The role's tools with their schemas; made once per role. */
function listOf(role: Role): Tool[] {
  const known = lists.get(role);
  if (known !== undefined) return known;
  const made = toolsOf(role).map(({ name, description, input }): Tool => ({
    name,
    description,
    inputSchema: objectSchema(input, "input"),
    outputSchema: name === "gt_prime" ? objectSchema(primeContext, "output") : { type: "object" },
    annotations: { readOnlyHint: isReadOnly(name), destructiveHint: false, openWorldHint: false },
  }));
  lists.set(role, made);
  return made;
}

function objectSchema(schema: z.ZodObject, io: "input" | "output"): Tool["inputSchema"] {
  return { ...z.toJSONSchema(schema, { io, unrepresentable: "any" }), type: "object" } as Tool["inputSchema"];
}
