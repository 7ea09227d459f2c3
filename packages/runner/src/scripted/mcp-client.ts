/**
 * A thin MCP client over HTTP for our own server, which is stateless and answers JSON (spec/api.md §4.1).
 * Its start takes no time, where the official client costs 90 ms. Waiting for a town that is away is its
 * runner's business.
 */
export interface McpServer {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface ToolResult {
  readonly isError: boolean;
  readonly text: string;
  readonly structured: unknown;
}

const PROTOCOL = "2025-11-25";
type Json = Record<string, unknown>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export class McpClient {
  #server: McpServer;
  #nextId = 1;

  constructor(server: McpServer) {
    this.#server = server;
  }

  /** The same session, opened again. */
  use(server: McpServer): void {
    this.#server = server;
  }

  /** Handshake; answers the names of the tools. */
  async connect(signal: AbortSignal): Promise<string[]> {
    const clientInfo = { name: "gastown-scripted-agent", version: "1" };
    await this.#request("initialize", { protocolVersion: PROTOCOL, capabilities: {}, clientInfo }, signal);
    await this.#post({ jsonrpc: "2.0", method: "notifications/initialized" }, signal);
    const listed = await this.#request("tools/list", {}, signal);
    const tools = Array.isArray(listed["tools"]) ? listed["tools"] : [];
    return tools.filter(isObject).map((tool) => String(tool["name"]));
  }

  async call(name: string, args: Json, signal: AbortSignal): Promise<ToolResult> {
    const result = await this.#request("tools/call", { name, arguments: args }, signal);
    const content = Array.isArray(result["content"]) ? result["content"].filter(isObject) : [];
    const text = content.map((part) => (typeof part["text"] === "string" ? part["text"] : "")).join("\n");
    return { isError: result["isError"] === true, text, structured: result["structuredContent"] };
  }

  async #request(method: string, params: Json, signal: AbortSignal): Promise<Json> {
    const id = this.#nextId;
    this.#nextId += 1;
    const answer = await this.#post({ jsonrpc: "2.0", id, method, params }, signal);
    const error = answer["error"];
    if (isObject(error)) throw new Error(`${method}: ${String(error["message"])}`);
    const result = answer["result"];
    if (!isObject(result)) throw new Error(`${method}: the tool server's answer has no result`);
    return result;
  }

  async #post(message: Json, signal: AbortSignal): Promise<Json> {
    const headers = {
      ...this.#server.headers,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": PROTOCOL,
    };
    const body = JSON.stringify(message);
    return read(await fetch(this.#server.url, { method: "POST", headers, body, signal }));
  }
}

async function read(response: Response): Promise<Json> {
  const text = await response.text();
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error(`The tool server answered ${response.status} with something that is not JSON`);
  }
  if (isObject(value)) return value;
  throw new Error("The tool server's answer is not an object");
}
