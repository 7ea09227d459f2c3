/**
 * The one ACP client (spec/agents-facts.md §13): a connection to one agent process that serves
 * many sessions. Updates and permission requests are handed to the session they name.
 */
import { Readable, Writable } from "node:stream";
import { client, methods, ndJsonStream, PROTOCOL_VERSION } from "@agentclientprotocol/sdk";
import type {
  ClientConnection,
  McpServer,
  RequestPermissionRequest,
  RequestPermissionResponse,
  SessionUpdate,
} from "@agentclientprotocol/sdk";
import { z } from "zod";
import type { McpTransport } from "./runtimes.ts";

export interface SessionHandlers {
  update(update: SessionUpdate): void;
  /** Must always answer: an unanswered request blocks the session (spec/agents-facts.md §8). */
  permission(request: RequestPermissionRequest): Promise<RequestPermissionResponse>;
}

/** The session's tools as its agent reaches them: at this runner (`../tools/relay.ts`). */
export interface ToolServer {
  readonly name: string;
  readonly url: string;
  /** Of use only there. */
  readonly token: string;
  readonly transport: McpTransport;
}

export interface TurnReply {
  readonly stopReason: string;
  /** Null where the agent reports none. */
  readonly usage: { readonly input: number; readonly output: number; readonly total: number } | null;
}

export interface Capabilities {
  readonly load: boolean;
  readonly resume: boolean;
  readonly close: boolean;
}

const count = z.number().min(0).catch(0);
/** `usage` is unstable: absent from the stable types, present at run time. */
const promptReply = z.object({
  stopReason: z.string(),
  usage: z
    .object({ inputTokens: count.default(0), outputTokens: count.default(0), totalTokens: count.default(0) })
    .nullish()
    .catch(null),
});
const option = z.object({
  id: z.string(),
  category: z.string().nullish(),
  /** A truth value for some options; only texts are of use here. */
  currentValue: z.string().nullable().catch(null).default(null),
});
const openReply = z.object({ configOptions: z.array(option).nullish() });
const CANCELLED: RequestPermissionResponse = { outcome: { outcome: "cancelled" } };
const MAX_EARLY = 500;

function mcpServers(server: ToolServer): McpServer[] {
  const headers = [{ name: "Authorization", value: `Bearer ${server.token}` }];
  const type = server.transport === "sse" ? "sse" : "http";
  return [{ type, name: server.name, url: server.url, headers }];
}

export interface OpenedConversation {
  readonly conversationId: string;
  /** Ids of the options that can be set, e.g. `model`, `mode`. */
  readonly options: readonly string[];
  /** The model as the agent has it now; null: it does not say. */
  readonly model: string | null;
}

export class AcpAgent {
  readonly #connection: ClientConnection;
  readonly #handlers = new Map<string, SessionHandlers>();
  /** Updates that arrive before `session/new` has told us the id. */
  readonly #early = new Map<string, SessionUpdate[]>();
  #capabilities: Capabilities = { load: false, resume: false, close: false };

  private constructor(connection: (self: AcpAgent) => ClientConnection) {
    this.#connection = connection(this);
  }

  static connect(stdin: Writable, stdout: Readable): AcpAgent {
    const stream = ndJsonStream(Writable.toWeb(stdin), Readable.toWeb(stdout));
    return new AcpAgent((self) =>
      client({ name: "gastown" })
        .onNotification(methods.client.session.update, ({ params }) =>
          self.#update(params.sessionId, params.update),
        )
        .onRequest(methods.client.session.requestPermission, ({ params }) => {
          return self.#handlers.get(params.sessionId)?.permission(params) ?? CANCELLED;
        })
        .connect(stream),
    );
  }

  get closed(): Promise<void> {
    return this.#connection.closed;
  }

  get capabilities(): Capabilities {
    return this.#capabilities;
  }

  async initialize(): Promise<AcpAgent> {
    const answer = await this.#connection.agent.request(methods.agent.initialize, {
      protocolVersion: PROTOCOL_VERSION,
      clientCapabilities: {},
      clientInfo: { name: "gastown", version: "1" },
    });
    const offered = answer.agentCapabilities;
    this.#capabilities = {
      load: offered?.loadSession === true,
      resume: isOffered(offered?.sessionCapabilities?.resume),
      close: isOffered(offered?.sessionCapabilities?.close),
    };
    return this;
  }

  /** A new conversation; `server` null: without any tools of the town. */
  async open(cwd: string, server: ToolServer | null): Promise<OpenedConversation> {
    const answer = await this.#connection.agent.request(methods.agent.session.new, {
      cwd,
      mcpServers: server === null ? [] : mcpServers(server),
    });
    return { conversationId: answer.sessionId, ...optionsOf(answer) };
  }

  /**
   * Takes up an earlier conversation. Prefers `resume`, which replays nothing; what `load` replays is
   * not handed to anybody, it is in the transcript already.
   */
  async reopen(conversationId: string, cwd: string, server: ToolServer): Promise<OpenedConversation> {
    const params = { sessionId: conversationId, cwd, mcpServers: mcpServers(server) };
    if (this.#capabilities.resume) {
      const answer = await this.#connection.agent.request(methods.agent.session.resume, params);
      return { conversationId, ...optionsOf(answer) };
    }
    const bound = this.#handlers.get(conversationId);
    this.#handlers.set(conversationId, {
      update: () => undefined,
      permission: () => Promise.resolve(CANCELLED),
    });
    try {
      const answer = await this.#connection.agent.request(methods.agent.session.load, params);
      return { conversationId, ...optionsOf(answer) };
    } finally {
      if (bound === undefined) this.#handlers.delete(conversationId);
      else this.#handlers.set(conversationId, bound);
    }
  }

  /** Hands this conversation's updates to `handlers`, those that came too early first. */
  bind(conversationId: string, handlers: SessionHandlers): void {
    this.#handlers.set(conversationId, handlers);
    const early = this.#early.get(conversationId) ?? [];
    this.#early.delete(conversationId);
    for (const update of early) handlers.update(update);
  }

  unbind(conversationId: string): void {
    this.#handlers.delete(conversationId);
  }

  async setOption(conversationId: string, configId: string, value: string): Promise<void> {
    await this.#connection.agent.request(methods.agent.session.setConfigOption, {
      sessionId: conversationId,
      configId,
      value,
    });
  }

  async prompt(conversationId: string, text: string): Promise<TurnReply> {
    const reply = promptReply.parse(
      await this.#connection.agent.request(methods.agent.session.prompt, {
        sessionId: conversationId,
        prompt: [{ type: "text", text }],
      }),
    );
    const { usage } = reply;
    return {
      stopReason: reply.stopReason,
      usage:
        usage === null || usage === undefined
          ? null
          : { input: usage.inputTokens, output: usage.outputTokens, total: usage.totalTokens },
    };
  }

  async cancel(conversationId: string): Promise<void> {
    await this.#connection.agent.notify(methods.agent.session.cancel, { sessionId: conversationId });
  }

  /** Best effort: some agents keep everything in memory all the same. */
  async close(conversationId: string): Promise<void> {
    this.unbind(conversationId);
    if (!this.#capabilities.close) return;
    await this.#connection.agent.request(methods.agent.session.close, { sessionId: conversationId });
  }

  #update(sessionId: string, update: SessionUpdate): void {
    const handlers = this.#handlers.get(sessionId);
    if (handlers !== undefined) {
      handlers.update(update);
      return;
    }
    const early = this.#early.get(sessionId) ?? [];
    if (early.length < MAX_EARLY) early.push(update);
    this.#early.set(sessionId, early);
  }
}

function isOffered(capability: object | null | undefined): boolean {
  return capability !== null && capability !== undefined;
}

function optionsOf(answer: unknown): Pick<OpenedConversation, "options" | "model"> {
  const parsed = openReply.safeParse(answer ?? {});
  const offered = parsed.success ? (parsed.data.configOptions ?? []) : [];
  return {
    options: offered.map(({ id }) => id),
    model: offered.find(({ id }) => id === "model")?.currentValue ?? null,
  };
}
