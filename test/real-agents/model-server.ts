/**
 * A scripted model behind the OpenAI-compatible streaming API, on loopback. It does what a model
 * would do with the tools that a request offers; what that is, its play decides.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { text as readAll } from "node:stream/consumers";

type Content = string | null | undefined | readonly { readonly text?: string }[];
/** The part of a chat request that is read here. */
interface ChatRequest {
  readonly model: string;
  readonly stream?: boolean;
  readonly messages: readonly { readonly role: string; readonly content?: Content }[];
  readonly tools?: readonly { readonly function: { readonly name: string } }[];
}

function parseRequest(raw: string, authorization: string): ModelRequest {
  const request = JSON.parse(raw) as ChatRequest;
  if (request.stream !== true) throw new Error("This model only streams.");
  return {
    model: request.model,
    messages: request.messages.map(({ role, content }) => ({ role, content: textOf(content) })),
    tools: (request.tools ?? []).map((tool) => tool.function.name),
    authorization,
    raw,
  };
}

function textOf(content: Content): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => part.text ?? "").join("");
}

export interface ModelRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  /** Names of the tools on offer, as the agent shows them. */
  readonly tools: readonly string[];
  readonly authorization: string;
  /** All of it as it came. */
  readonly raw: string;
}

/**
 * What the model says next: words (all at once or as they come), one call of a tool by its own name,
 * without a prefix, or a refusal by its HTTP status.
 */
export type Reply =
  | { readonly say: string | AsyncIterable<string> }
  | { readonly call: string; readonly with: Readonly<Record<string, unknown>> }
  | Refusal;
export interface Refusal {
  readonly refuse: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The provider's own words. */
  readonly words?: string;
}
export type Play = (request: ModelRequest) => Reply | Promise<Reply>;

type Spoken = Exclude<Reply, { refuse: number }>;
interface Delta {
  readonly delta: object;
  readonly finish: string | null;
}

const USAGE = { prompt_tokens: 1_000, completion_tokens: 50, total_tokens: 1_050 };

export class ModelServer {
  readonly requests: ModelRequest[] = [];
  /** What went wrong on this side: a request that nothing could be done with. */
  readonly problems: string[] = [];
  readonly #server: Server;
  readonly #play: Play;
  #calls = 0;
  #silence: { readonly asked: () => void; readonly over: Promise<void> } | null = null;
  #refusal: Refusal | null = null;

  private constructor(play: Play) {
    this.#play = play;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((thrown: unknown) => {
        this.problems.push(String(thrown));
        if (response.headersSent) {
          response.destroy();
          return;
        }
        response.writeHead(400, { "content-type": "application/json" });
        response.end(JSON.stringify({ error: { message: String(thrown), type: "invalid_request_error" } }));
      });
    });
  }

  static async start(play: Play): Promise<ModelServer> {
    const model = new ModelServer(play);
    model.#server.listen(0, "127.0.0.1");
    await once(model.#server, "listening");
    return model;
  }

  /** The base url that goes into a provider's settings. */
  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("The model server does not listen.");
    return `http://127.0.0.1:${address.port}/v1`;
  }

  /** Keeps silent from the next request that is work on; resolves when that has come. */
  beSilent(): { readonly asked: Promise<void>; readonly end: () => void } {
    const asked = Promise.withResolvers<void>();
    const over = Promise.withResolvers<void>();
    this.#silence = { asked: asked.resolve, over: over.promise };
    return {
      asked: asked.promise,
      end: () => {
        this.#silence = null;
        over.resolve();
      },
    };
  }

  /** Refuses all that is work, however often it is asked, until the end of it. */
  refuseWork(refusal: Refusal): { readonly end: () => void } {
    this.#refusal = refusal;
    return { end: () => (this.#refusal = null) };
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    if (incoming.method !== "POST" || incoming.url !== "/v1/chat/completions")
      throw new Error(`Nothing is at ${incoming.method} ${incoming.url}.`);
    const raw = await readAll(incoming);
    const request = parseRequest(raw, incoming.headers.authorization ?? "");
    this.requests.push(request);
    if (this.#silence !== null && request.tools.length > 0) {
      this.#silence.asked();
      await this.#silence.over;
    }
    // A request without tools is not the work: the agent wants a title for the conversation.
    const isWork = request.tools.length > 0;
    const reply = isWork ? (this.#refusal ?? (await this.#play(request))) : { say: "A short title" };
    if ("refuse" in reply) {
      const { refuse, headers, words = `Refused with ${refuse}.` } = reply;
      response.writeHead(refuse, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify({ error: { message: words, type: "test" } }));
    } else await this.#stream(response, request.model, this.#deltas(request, reply));
  }

  async *#deltas(request: ModelRequest, reply: Spoken): AsyncGenerator<Delta, void, void> {
    if ("say" in reply) {
      const pieces = typeof reply.say === "string" ? [reply.say] : reply.say;
      for await (const content of pieces) yield { delta: { role: "assistant", content }, finish: null };
      yield { delta: {}, finish: "stop" };
      return;
    }
    const name = request.tools.find((tool) => tool === reply.call || tool.endsWith(`_${reply.call}`));
    if (name === undefined)
      throw new Error(`The tool ${reply.call} is not on offer: ${request.tools.join(", ")}`);
    this.#calls += 1;
    const call = { name, arguments: JSON.stringify(reply.with) };
    const tool_calls = [{ index: 0, id: `call_${this.#calls}`, type: "function", function: call }];
    yield { delta: { role: "assistant", content: null, tool_calls }, finish: null };
    yield { delta: {}, finish: "tool_calls" };
  }

  async #stream(response: ServerResponse, model: string, deltas: AsyncIterable<Delta>): Promise<void> {
    const base = { id: `chat_${this.requests.length}`, object: "chat.completion.chunk", created: 0, model };
    const write = (chunk: object): void => void response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    for await (const { delta, finish } of deltas) {
      // Only now, so that what cannot be answered can still be refused.
      if (!response.headersSent)
        response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
      write({ ...base, choices: [{ index: 0, delta, finish_reason: finish }] });
    }
    write({ ...base, choices: [], usage: USAGE });
    response.end("data: [DONE]\n\n");
  }
}
