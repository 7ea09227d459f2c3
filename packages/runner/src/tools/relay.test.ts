/** The relay between an agent and the town's tools: what passes, who may, and a town that is away. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ToolTown } from "../testing/tool-town.ts";
import { ToolRelay } from "./relay.ts";
import type { Relayed } from "./relay.ts";

const PATIENCE_MS = 120_000;

let town: ToolTown;
let relay: ToolRelay;
let token: string;
/** How often the relay has taken the session's credential. */
let tries: number;
let onTry: (count: number) => void;

beforeEach(async () => {
  town = new ToolTown();
  await town.start();
  token = "the-session-token";
  tries = 0;
  onTry = () => undefined;
  await begin(PATIENCE_MS);
});
afterEach(async () => {
  await relay.close();
  await town.stop();
});

async function begin(patienceMs: number): Promise<void> {
  relay = new ToolRelay({ patienceMs });
  await relay.listen();
}

function open(sessionId = "sess_1"): Relayed {
  const endpoint = () => {
    tries += 1;
    onTry(tries);
    return { url: town.url, token };
  };
  return relay.open("gastown", { sessionId, transport: "streamable_http", endpoint });
}

interface Sent {
  readonly bearer?: string | null;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

function send(tools: Relayed, body: string | null, sent: Sent = {}): Promise<Response> {
  const { bearer = tools.server.token, method = "POST", headers = {}, signal = null } = sent;
  const authorization: Record<string, string> = bearer === null ? {} : { authorization: `Bearer ${bearer}` };
  return fetch(tools.server.url, { method, body, headers: { ...authorization, ...headers }, signal });
}

const call = (name: string, id = 7): string =>
  JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: {} } });

/** What the model reads. */
async function read(answer: Response): Promise<string> {
  const { result } = (await answer.json()) as { result: { isError: boolean; content: { text: string }[] } };
  expect([answer.status, result.isError]).toEqual([200, true]);
  return result.content.map(({ text }) => text).join("");
}

describe("a message of an agent", () => {
  it("is passed on byte for byte, and so is the answer", async () => {
    const body =
      '{"jsonrpc":"2.0",\r\n  "id" : 7, "method":"tools/call", "params":{"name":"gt_prime","x":"ü \\u0000"}}\n';
    const answered = Buffer.from([0x7b, 0xff, 0x00, 0x0a, 0x7d]);
    town.answer = (_heard, response) => {
      response.writeHead(418, { "content-type": "application/json; charset=x", "x-own": "1" }).end(answered);
    };
    const headers = {
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
      "mcp-protocol-version": "2025-11-25",
      "x-agent": "secret of the agent",
    };
    const answer = await send(open(), body, { headers });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([418, "application/json; charset=x"]);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(answered);
    const { "x-agent": _own, ...passed } = headers;
    expect(town.heard).toMatchObject([
      { body, headers: { ...passed, authorization: "Bearer the-session-token" } },
    ]);
    expect(town.heard[0]?.headers).not.toHaveProperty("x-agent");
  });

  it("that nobody waits for is answered without a body", async () => {
    const answer = await send(open(), '{"jsonrpc":"2.0","method":"notifications/initialized"}');
    expect([answer.status, await answer.text()]).toEqual([202, ""]);
    expect(town.heard).toHaveLength(1);
  });

  it("has the token that counts at that moment, also between two tries", async () => {
    const tools = open();
    await send(tools, call("gt_prime"));
    token = "the-renewed-token";
    await send(tools, call("gt_prime"));
    town.answer = (heard, response) => {
      token = "the-newest-token";
      town.answer = (_heard, next) => next.writeHead(200).end();
      response.writeHead(503, { "retry-after": "1" }).end(heard.body);
    };
    await send(tools, call("gt_prime"));
    expect(town.heard.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer the-session-token",
      "Bearer the-renewed-token",
      "Bearer the-renewed-token",
      "Bearer the-newest-token",
    ]);
  });

  it("may have 1 MiB and no more", async () => {
    town.answer = (_heard, response) => response.writeHead(200).end();
    const tools = open();
    const answers = [await send(tools, "x".repeat(1_048_576)), await send(tools, "x".repeat(1_048_577))];
    expect(answers.map(({ status }) => status)).toEqual([200, 413]);
    expect(town.heard.map(({ body }) => body.length)).toEqual([1_048_576]);
  });

  it("is all that there is: no stream, and nothing to end", async () => {
    const tools = open();
    const get = await send(tools, null, { method: "GET" });
    expect([get.status, get.headers.get("allow")]).toEqual([405, "POST, DELETE"]);
    expect((await send(tools, null, { method: "DELETE" })).status).toBe(200);
    expect(town.heard).toEqual([]);
  });
});

describe("a bearer", () => {
  it("is of one session, and of one that lives", async () => {
    const [mine, other] = [open("sess_1"), open("sess_2")];
    expect(mine.server.token).not.toBe(other.server.token);
    const statuses = async (sent: Sent): Promise<number[]> => {
      const methods = ["POST", "GET", "DELETE"];
      const body = (method: string) => (method === "POST" ? call("gt_prime") : null);
      const answers = methods.map((method) => send(mine, body(method), { ...sent, method }));
      return (await Promise.all(answers)).map(({ status }) => status);
    };
    expect(await statuses({ bearer: null })).toEqual([401, 401, 401]);
    expect(await statuses({ bearer: "a-guess" })).toEqual([403, 403, 403]);
    expect(await statuses({ bearer: token })).toEqual([403, 403, 403]);
    expect(await statuses({ bearer: other.server.token })).toEqual([403, 403, 403]);
    mine.close();
    expect(await statuses({})).toEqual([403, 403, 403]);
    expect(town.heard).toEqual([]);
    expect((await send(other, call("gt_prime"))).status).toBe(200);
  });
});

describe("a town that is away", () => {
  it("is waited for, whatever the call is", async () => {
    await town.stop();
    let back: Promise<void> = Promise.resolve();
    onTry = (count) => {
      if (count === 3) back = town.start();
    };
    const answer = await send(open(), call("gt_agent_reset"));
    await back;
    expect(await answer.json()).toMatchObject({ id: 7, result: { answered: 7 } });
    expect(tries).toBeGreaterThan(2);
    expect(town.heard).toHaveLength(1);
  });

  it("and has not taken the call, is asked again", async () => {
    let refused = 2;
    const { answer: usual } = town;
    town.answer = (heard, response) => {
      refused -= 1;
      if (refused < 0) usual(heard, response);
      else response.writeHead(503, { "retry-after": "1" }).end("{}");
    };
    const answer = await send(open(), call("gt_agent_reset"));
    expect(await answer.json()).toMatchObject({ result: { answered: 7 } });
    expect(town.heard).toHaveLength(3);
  });

  it.each(["gt_sling", "gt_done", "gt_list_beads"])("and took %s with it, is asked again", async (tool) => {
    const { answer: usual } = town;
    town.answer = (_heard, response) => {
      town.answer = usual;
      response.destroy();
    };
    const answer = await send(open(), call(tool));
    expect(await answer.json()).toMatchObject({ result: { answered: 7 } });
    expect(town.heard.map(({ body }) => body)).toEqual([call(tool), call(tool)]);
  });

  it.each([null, 502, 503])("and may have carried it out (%s), is not asked twice", async (status) => {
    town.answer = (_heard, response) => {
      if (status === null) response.destroy();
      else response.writeHead(status).end("{}");
    };
    const text = await read(await send(open(), call("gt_agent_reset")));
    expect(text).toMatch(/^runner_unavailable: .* may have been carried out or not\. Look how things stand/);
    expect(town.heard).toHaveLength(1);
  });

  it("for too long, is said to be away, and what to do", async () => {
    await relay.close();
    await begin(250);
    await town.stop();
    const tools = open();
    const text = await read(await send(tools, call("gt_done")));
    expect(text).toContain("runner_unavailable: The town cannot be reached (ECONNREFUSED");
    expect(text).toContain("this call was not carried out. Go on with what needs no tool, and call again");
    expect(text).not.toContain(token);
    const told = await send(tools, '{"jsonrpc":"2.0","method":"notifications/initialized"}');
    expect([told.status, await told.text()]).toEqual([502, ""]);
    const list = await send(tools, '{"jsonrpc":"2.0","id":"a","method":"tools/list"}');
    expect(await list.json()).toMatchObject({
      id: "a",
      error: { message: expect.stringContaining("reached") },
    });
  });
});

describe("what is under way", () => {
  const never = (): void => undefined;

  it("ends with the session, whose agent is told", async () => {
    town.answer = never;
    const tools = open();
    const answer = send(tools, call("gt_done"));
    const { closed } = await town.call(0);
    tools.close();
    await closed;
    expect(await read(await answer)).toBe("session_fenced: This session is over.");
  });

  it("ends with the runner, also while it waits for the town", async () => {
    await town.stop();
    const waiting = new Promise<void>((done) => {
      onTry = () => done();
    });
    const answer = send(open(), call("gt_done")).catch((error: unknown) => error);
    await waiting;
    await relay.close();
    await answer;
    expect(tries).toBe(1);
  });

  it("ends when the agent takes it back, and nothing else does", async () => {
    town.answer = never;
    const tools = open();
    const [first, second] = [send(tools, call("gt_done", 1)), send(tools, call("gt_done", 2))];
    const calls = [await town.call(0), await town.call(1)];
    const cancel = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 2 } };
    expect((await send(tools, JSON.stringify(cancel))).status).toBe(202);
    await calls.find(({ body }) => body === call("gt_done", 2))?.closed;
    expect((await second).status).toBe(202);
    tools.close();
    expect(await read(await first)).toContain("session_fenced");
  });

  it("ends when the agent has gone", async () => {
    town.answer = never;
    const leaving = new AbortController();
    const answer = send(open(), call("gt_done"), { signal: leaving.signal }).catch((error: unknown) => error);
    const { closed } = await town.call(0);
    leaving.abort();
    await closed;
    expect(await answer).toBeInstanceOf(Error);
  });
});
