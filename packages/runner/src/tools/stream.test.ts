/** Tools over MCP's older transport, as clients speak it that turn to it at a 405. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answerTo, ToolTown } from "../testing/tool-town.ts";
import { ToolRelay } from "./relay.ts";
import type { Relayed } from "./relay.ts";
import { KEEP_ALIVE_MS } from "./stream.ts";

const TOKEN = "the-session-token";

let town: ToolTown;
let relay: ToolRelay;
let tools: Relayed;
/** Timers that were set and neither ran nor were taken back. */
let timers: Map<object, { ms: number; fn: () => void }>;

beforeEach(async () => {
  town = new ToolTown();
  await town.start();
  timers = new Map();
  const setTimer = (ms: number, fn: () => void): (() => void) => {
    const key = {};
    timers.set(key, { ms, fn });
    return () => void timers.delete(key);
  };
  relay = new ToolRelay({ setTimer });
  await relay.listen();
  tools = open("sess_1");
});
afterEach(async () => {
  await relay.close();
  await town.stop();
});

function open(sessionId: string): Relayed {
  const endpoint = () => ({ url: town.url, token: TOKEN });
  return relay.open("gastown", { sessionId, transport: "sse", endpoint });
}

const headersOf = ({ server }: Relayed): Record<string, string> => ({
  authorization: `Bearer ${server.token}`,
});

/** A client of the transport: what comes to it, in order. */
class Client {
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #leaving: AbortController;
  #text = "";
  endpoint = "";

  private constructor(reader: ReadableStreamDefaultReader<string>, leaving: AbortController) {
    this.#reader = reader;
    this.#leaving = leaving;
  }

  static async connect(to: Relayed): Promise<Client> {
    const leaving = new AbortController();
    const { status, headers, body } = await fetch(to.server.url, {
      headers: headersOf(to),
      signal: leaving.signal,
    });
    const type = headers.get("content-type");
    if (body === null || status !== 200 || type !== "text/event-stream")
      throw new Error(`There is no stream: ${status} ${type}`);
    const client = new Client(body.pipeThrough(new TextDecoderStream()).getReader(), leaving);
    const path = /^event: endpoint\ndata: (.+)$/.exec((await client.next()) ?? "")?.[1];
    if (path === undefined) throw new Error("The first event names no endpoint.");
    client.endpoint = new URL(path, to.server.url).href;
    return client;
  }

  /** The next event as it was written; null: the stream has ended. */
  async next(): Promise<string | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const event = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return event;
      }
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#text += value;
    }
  }

  async message(): Promise<unknown> {
    const data = /^event: message\ndata: (.+)$/.exec((await this.next()) ?? "")?.[1];
    return JSON.parse(data ?? "null");
  }

  async post(body: string, as: Relayed = tools): Promise<number> {
    const answer = await fetch(this.endpoint, { method: "POST", body, headers: headersOf(as) });
    return answer.status;
  }

  leave(): void {
    this.#leaving.abort();
  }
}

const call = (id: number, name = "gt_prime"): string =>
  JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: {} } });

describe("the older transport", () => {
  it("is what a client finds when it is told that it cannot post", async () => {
    const headers = headersOf(tools);
    const post = await fetch(tools.server.url, { method: "POST", body: call(1), headers });
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, DELETE"]);
    expect((await fetch(tools.server.url, { method: "DELETE", headers })).status).toBe(200);
    expect(town.heard).toEqual([]);

    const client = await Client.connect(tools);
    expect(new URL(client.endpoint).origin).toBe(new URL(tools.server.url).origin);
    expect(await client.post(call(1))).toBe(202);
    expect(await client.message()).toEqual({ jsonrpc: "2.0", id: 1, result: { answered: 1 } });
    const accept = "application/json, text/event-stream";
    expect(town.heard).toMatchObject([
      { body: call(1), headers: { authorization: `Bearer ${TOKEN}`, accept } },
    ]);
  });

  it("brings answers one by one as they come, each with its id, whatever still waits", async () => {
    const late = Promise.withResolvers<void>();
    town.answer = ({ body }, response) => {
      if (body === call(1)) void late.promise.then(() => answerTo(body, response));
      else answerTo(body, response);
    };
    const client = await Client.connect(tools);
    expect(await client.post(call(1))).toBe(202);
    await town.call(0);
    for (const id of [2, 3]) {
      await client.post('{"jsonrpc":"2.0","method":"notifications/initialized"}');
      await client.post(call(id));
      expect(await client.message()).toMatchObject({ id });
    }
    late.resolve();
    expect(await client.message()).toMatchObject({ id: 1 });
  });

  it("brings an answer that has lines, and what the town says when it refuses", async () => {
    town.answer = (_heard, response) => response.writeHead(200).end('{"id":1,\r\n"result":\n{}}');
    const client = await Client.connect(tools);
    await client.post(call(1));
    expect(await client.next()).toBe('event: message\ndata: {"id":1,\ndata: "result":\ndata: {}}');
    town.answer = (_heard, response) => response.writeHead(409).end('{"error":{"code":"session_fenced"}}');
    await client.post('{"jsonrpc":"2.0","id":2,"method":"tools/list"}');
    const message = expect.stringMatching(/^The town refused this \(409\): .*session_fenced/);
    expect(await client.message()).toMatchObject({ id: 2, error: { message } });
  });

  it("gives a client that connects again an endpoint of its own, and it goes on", async () => {
    town.answer = () => undefined;
    const first = await Client.connect(tools);
    await first.post(call(1));
    const { closed } = await town.call(0);
    first.leave();
    await closed;
    expect(await first.post(call(2))).toBe(404);

    town.answer = ({ body }, response) => answerTo(body, response);
    const second = await Client.connect(tools);
    expect(second.endpoint).not.toBe(first.endpoint);
    await second.post(call(3));
    expect(await second.message()).toMatchObject({ id: 3 });
    expect(town.heard.map(({ body }) => body)).toEqual([call(1), call(3)]);
  });

  it("keeps two clients of a session apart", async () => {
    const clients = [await Client.connect(tools), await Client.connect(tools)];
    town.answer = ({ body }, response) => response.writeHead(200).end(body);
    await clients[0]?.post('{"id":1,"from":"first"}');
    await clients[1]?.post('{"id":1,"from":"second"}');
    expect(await Promise.all(clients.map((client) => client.message()))).toMatchObject([
      { from: "first" },
      { from: "second" },
    ]);
  });

  it("is of no use to another session", async () => {
    const client = await Client.connect(tools);
    const other = open("sess_2");
    expect(await client.post(call(1), other)).toBe(403);
    const theirs = client.endpoint.replace("sess_1", "sess_2");
    expect((await fetch(theirs, { method: "POST", body: call(1), headers: headersOf(other) })).status).toBe(
      404,
    );
    expect(town.heard).toEqual([]);
  });

  it("takes back what is cancelled", async () => {
    town.answer = () => undefined;
    const client = await Client.connect(tools);
    await client.post(call(1));
    const { closed } = await town.call(0);
    await client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
    await closed;
    expect(town.heard).toHaveLength(1);
  });

  it("ends with the session, and what was under way with it", async () => {
    town.answer = () => undefined;
    const client = await Client.connect(tools);
    await client.post(call(1));
    const { closed } = await town.call(0);
    tools.close();
    expect(await client.next()).toBe(null);
    await closed;
    expect(await client.post(call(2))).toBe(403);
    expect(timers.size).toBe(0);
  });

  it("has something to read before two minutes are over, for as long as it is read", async () => {
    const client = await Client.connect(tools);
    await client.post(call(1));
    await client.message();
    for (const round of [1, 2]) {
      const [[key, timer] = []] = timers;
      expect([timers.size, timer?.ms, round]).toEqual([1, KEEP_ALIVE_MS, round]);
      if (key !== undefined) timers.delete(key);
      timer?.fn();
      expect(await client.next()).toBe(":");
    }
  });
});
