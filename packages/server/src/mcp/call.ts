/** One call of a tool: does it exist, are its arguments right, was it made before, what came of it. */
import { ensureError, GastownError, isOutcome, toolsOf, type ToolSpec } from "@gastown/protocol";
import type { SessionContext, Town } from "@gastown/town";
import type { CallToolResult } from "@modelcontextprotocol/server";
import { validationError } from "../http/errors.ts";
import { canonical } from "../kernel/canonical.ts";
import { sha256Hex } from "../kernel/hash.ts";
import type { ServerPorts } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";
import { once } from "./once.ts";
import { failure, success, type ToolResult } from "./result.ts";
import { handlerOf, type ToolCall } from "./handlers.ts";

const MAX_ARGUMENTS = 65_536;

export interface CallPorts {
  ports: ServerPorts;
  actor: TownActor;
  /** Null: the token's session is not there any more, or lives on under a newer epoch. */
  session: SessionContext | null;
  requestId: string;
}

/** Never throws: every failure is a result that the model reads. */
export async function callTool(
  context: CallPorts,
  name: string,
  args: Record<string, unknown>,
): Promise<CallToolResult> {
  const began = context.ports.now();
  let code: string | null = null;
  try {
    return success(await carryOut(context, name, args));
  } catch (error) {
    code = ensureError(error).code;
    if (code === "internal")
      context.ports.sink.log("error", "a tool failed", { tool: name, requestId: context.requestId, error });
    return failure(error, context.requestId);
  } finally {
    note(context, name, code, began);
  }
}

async function carryOut(
  context: CallPorts,
  name: string,
  args: Record<string, unknown>,
): Promise<ToolResult> {
  const { actor, session } = context;
  if (session === null || (!session.live && !isOutcome(name))) throw fenced();
  const spec = toolsOf(session.role).find((tool) => tool.name === name);
  if (spec === undefined) throw unavailable(session, name);
  const call: ToolCall = {
    actor,
    ports: context.ports,
    session,
    args: parseArguments(spec, args),
    now: context.ports.now(),
  };
  const handler = handlerOf(spec.name);
  if (handler.type === "waits") return handler.run(call);
  const turn = (town: Town): ToolResult => handler.run(town, call);
  if (!spec.makesSomething) return actor.run(turn);
  const digest = await sha256Hex(`${name} ${canonical(call.args)}`);
  return actor.run((town) =>
    once(town, { principal: session.sessionId, digest, now: call.now }, () => turn(town)),
  );
}

function parseArguments(spec: ToolSpec, args: Record<string, unknown>): Record<string, unknown> {
  if (JSON.stringify(args).length > MAX_ARGUMENTS) {
    throw new GastownError(
      "validation_failed",
      `The arguments are longer than ${MAX_ARGUMENTS} characters. Say it shorter.`,
    );
  }
  const parsed = spec.input.safeParse(args);
  if (!parsed.success) throw validationError("arguments", parsed.error);
  return parsed.data;
}

/** Every call is a sign of life of a live session, and one event. */
function note(
  { ports, actor, session, requestId }: CallPorts,
  tool: string,
  error: string | null,
  began: number,
): void {
  if (session?.live && error !== "session_fenced") {
    try {
      actor.run((town) => town.toolCalled(session.sessionId, tool, error));
    } catch (failed) {
      // The town closed while the call waited: its answer stands without this sign of life.
      ports.sink.log("warn", "a tool call could not be noted", { tool, requestId, error: failed });
    }
  }
  ports.sink.event({
    event: "agent.tool_called",
    at: new Date(began).toISOString(),
    delivery: "mcp",
    requestId,
    townId: actor.id,
    ...(session === null
      ? {}
      : { sessionId: session.sessionId, agentId: session.agent.id, role: session.role }),
    label: tool,
    ...(error === null ? {} : { error }),
    durationMs: ports.now() - began,
  });
}

const fenced = (): GastownError =>
  new GastownError(
    "session_fenced",
    "This session is over and its work is saved. Stop now; nothing you do is kept.",
  );

function unavailable(session: SessionContext, name: string): GastownError {
  const names = toolsOf(session.role).map((tool) => tool.name);
  return new GastownError(
    "tool_not_available",
    `You have no tool ${name.slice(0, 60)}. Yours are: ${names.join(", ")}.`,
    {
      tools: names,
    },
  );
}
