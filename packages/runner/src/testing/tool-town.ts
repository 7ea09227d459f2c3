/** The town's end of a relayed call, for tests: what it heard, byte for byte, and what each test has it answer. */
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";

export interface Heard {
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
  /** Resolves when the connection of the call is closed, answered or not. */
  readonly closed: Promise<void>;
}

export class ToolTown {
  readonly heard: Heard[] = [];
  /** By default every request is answered with its own id. */
  answer: (heard: Heard, response: ServerResponse) => void = echo;
  #port = 0;
  #server: Server | null = null;
  #waiting: (() => void)[] = [];

  get url(): string {
    return `http://127.0.0.1:${this.#port}/tools`;
  }

  /** Again on the port that it had. */
  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#hear(request, response));
    await new Promise<void>((done) => server.listen(this.#port, "127.0.0.1", done));
    const address = server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : 0;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    await new Promise<void>((done) => {
      server.close(() => done());
      server.closeAllConnections();
    });
  }

  /** The call with this number, from 0, as soon as it was heard. */
  async call(index: number): Promise<Heard> {
    for (;;) {
      const heard = this.heard[index];
      if (heard !== undefined) return heard;
      await new Promise<void>((done) => this.#waiting.push(done));
    }
  }

  async #hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const closed = new Promise<void>((done) => {
      response.once("close", done);
    });
    const heard = { body: await text(request), headers: request.headers, closed };
    this.heard.push(heard);
    for (const wake of this.#waiting.splice(0)) wake();
    this.answer(heard, response);
  }
}

function echo({ body }: Heard, response: ServerResponse): void {
  answerTo(body, response);
}

/** The usual answer, whose text says what was called. */
export function answerTo(body: string, response: ServerResponse): void {
  const { id } = JSON.parse(body) as { id?: number };
  if (id === undefined) {
    response.writeHead(202).end();
    return;
  }
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ jsonrpc: "2.0", id, result: { answered: id } }));
}
