/**
 * The runner's side of the agents' tools (spec/api.md §4.1): a listener on loopback that passes what agents
 * say over MCP on to the town, and its answers back. The town stays stateless; what has a state, the streams of
 * the older transport, is here, because agents end with their runner.
 *
 * | | streamable_http | sse |
 * |---|---|---|
 * | `POST /sessions/:id/mcp` | passed on, answered | 405, on which clients take the older transport |
 * | `GET  /sessions/:id/mcp` | 405 | the stream |
 * | `POST /sessions/:id/mcp/:stream` | – | 202, answered on the stream |
 * | `DELETE /sessions/:id/mcp` | 200 | 200 |
 */
import { createHash } from "node:crypto";
import { ensureError, GastownError } from "@gastown/protocol";
import { Hono } from "hono";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { ToolServer } from "../agents/acp-agent.ts";
import { readBytes } from "../control/json-body.ts";
import { listen } from "../control/server.ts";
import type { Listening } from "../control/server.ts";
import { systemTimer } from "../options.ts";
import type { SetTimer } from "../options.ts";
import { SessionTools } from "./session-tools.ts";
import type { SessionToolsOptions } from "./session-tools.ts";

const PATIENCE_MS = 60_000;

/** What an agent says about its message; everything else is between it and this runner. */
const PASSED = ["accept", "content-type", "mcp-protocol-version"];

const digest = (bearer: string): string => createHash("sha256").update(bearer).digest("hex");

export interface RelayOptions {
  /** How long a call waits for a town that is away, in milliseconds; 60 000. */
  readonly patienceMs?: number;
  readonly setTimer?: SetTimer;
}

export interface Relayed {
  readonly server: ToolServer;
  /** Cuts off what is under way and takes the address away. */
  close(): void;
}

export class ToolRelay {
  readonly #sessions = new Map<string, SessionTools>();
  readonly #options: RelayOptions;
  #listening: Listening | null = null;

  constructor(options: RelayOptions = {}) {
    this.#options = options;
  }

  async listen(): Promise<void> {
    this.#listening = await listen(this.#app());
  }

  /** Tools for a session's agent, until they are closed. */
  open(name: string, options: Omit<SessionToolsOptions, keyof RelayOptions>): Relayed {
    const { patienceMs = PATIENCE_MS, setTimer = systemTimer } = this.#options;
    const tools = new SessionTools({ ...options, patienceMs, setTimer });
    const key = digest(tools.bearer);
    this.#sessions.set(key, tools);
    const { sessionId, transport } = options;
    const url = `${this.#listening?.url ?? ""}${pathOf(sessionId)}`;
    return {
      server: { name, url, token: tools.bearer, transport },
      close: () => {
        tools.close();
        this.#sessions.delete(key);
      },
    };
  }

  async close(): Promise<void> {
    for (const tools of this.#sessions.values()) tools.close();
    this.#sessions.clear();
    await this.#listening?.close();
  }

  #app(): Hono {
    const app = new Hono();
    app.onError((thrown, c) => {
      const { code, message, status } = ensureError(thrown);
      return c.json({ error: { code, message } }, status as ContentfulStatusCode);
    });
    const path = pathOf(":session");
    app.post(path, (c) => this.#post(c));
    app.get(path, (c) => this.#get(c));
    app.delete(path, (c) => {
      this.#toolsOf(c);
      return c.body(null, 200);
    });
    app.post(`${path}/:stream`, async (c) => {
      const tools = this.#toolsOf(c);
      tools.postTo(c.req.param("stream"), { body: await readBytes(c.req.raw), headers: passed(c) });
      return c.body(null, 202);
    });
    return app;
  }

  async #post(c: Context): Promise<Response> {
    const tools = this.#toolsOf(c);
    if (tools.transport === "sse") return notAllowed(c, "GET, DELETE");
    const body = await readBytes(c.req.raw);
    const answer = await tools.post({ body, headers: passed(c), gone: c.req.raw.signal });
    const headers = answer.contentType === null ? {} : { "content-type": answer.contentType };
    const content = answer.body.length === 0 ? null : new Uint8Array(answer.body);
    return new Response(content, { status: answer.status, headers });
  }

  #get(c: Context): Response {
    const tools = this.#toolsOf(c);
    if (tools.transport === "streamable_http") return notAllowed(c, "POST, DELETE");
    const path = (stream: string): string => `${pathOf(tools.sessionId)}/${stream}`;
    const headers = { "content-type": "text/event-stream", "cache-control": "no-cache" };
    return new Response(tools.connect(path), { headers });
  }

  /**
   * Claims and path must agree, as at the town. A bearer that is not known is 403: at a 401 clients go and
   * look for a login.
   */
  #toolsOf(c: Context): SessionTools {
    const bearer = /^Bearer (.+)$/.exec(c.req.header("authorization") ?? "")?.[1];
    if (bearer === undefined) throw new GastownError("unauthenticated", "Send this session's bearer.");
    const tools = this.#sessions.get(digest(bearer));
    if (tools === undefined || tools.sessionId !== c.req.param("session"))
      throw new GastownError(
        "scope_mismatch",
        "This bearer is of no session that lives here under this address.",
      );
    return tools;
  }
}

const pathOf = (session: string): string => `/sessions/${session}/mcp`;

function notAllowed(c: Context, allow: string): Response {
  return c.body(null, 405, { allow });
}

function passed(c: Context): Record<string, string> {
  return Object.fromEntries(
    PASSED.flatMap((name) => {
      const value = c.req.header(name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
