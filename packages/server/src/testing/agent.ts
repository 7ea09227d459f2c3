/** An agent that speaks to the town's tools as a program does: JSON-RPC over HTTP. */
import type { TownHost, Working } from "./town-host.ts";
import { BASE, TOWN } from "./town-host.ts";

interface ToolAnswer {
  isError: boolean;
  text: string;
  data: Record<string, unknown>;
}

interface RpcAnswer {
  status: number;
  headers: Headers;
  body: { result?: Record<string, unknown>; error?: { code: number | string; message: string } };
}

export interface TestAgent {
  rpc(message: unknown, init?: { method?: string; token?: string; path?: string }): Promise<RpcAnswer>;
  list(): Promise<
    { name: string; inputSchema: Record<string, unknown>; outputSchema: Record<string, unknown> }[]
  >;
  call(name: string, args?: unknown): Promise<ToolAnswer>;
}

export function agentOf(
  host: TownHost,
  { sessionId, token }: Pick<Working, "sessionId" | "token">,
): TestAgent {
  let id = 0;
  const agent: TestAgent = {
    async rpc(message, init = {}) {
      const response = await host.server.app.request(
        init.path ?? `${BASE}/api/towns/${TOWN}/sessions/${sessionId}/mcp`,
        {
          method: init.method ?? "POST",
          headers: {
            authorization: `Bearer ${init.token ?? token}`,
            "content-type": "application/json",
            accept: "application/json, text/event-stream",
            "mcp-protocol-version": "2025-11-25",
          },
          ...(message === undefined
            ? {}
            : { body: typeof message === "string" ? message : JSON.stringify(message) }),
        },
      );
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text === "" ? {} : (JSON.parse(text) as RpcAnswer["body"]),
      };
    },
    async list() {
      const { body } = await agent.rpc({ jsonrpc: "2.0", id: ++id, method: "tools/list", params: {} });
      return body.result?.["tools"] as Awaited<ReturnType<TestAgent["list"]>>;
    },
    async call(name, args = {}) {
      const { body } = await agent.rpc({
        jsonrpc: "2.0",
        id: ++id,
        method: "tools/call",
        params: { name, arguments: args },
      });
      const result = body.result as
        | { isError?: boolean; content: { text: string }[]; structuredContent: Record<string, unknown> }
        | undefined;
      if (result === undefined) throw new Error(JSON.stringify(body));
      return {
        isError: result.isError === true,
        text: result.content[0]?.text ?? "",
        data: result.structuredContent,
      };
    },
  };
  return agent;
}
