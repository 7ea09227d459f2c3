import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import { GastownError } from "@gastown/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { ApiClient } from "./client.ts";
import { exitCodeOf } from "./failure.ts";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

type Answer = (request: IncomingMessage, response: ServerResponse, call: number) => void;

/** A server that answers as told, and what it was asked. */
async function serving(
  answer: Answer,
): Promise<{ client: ApiClient; keys: (string | undefined)[]; stop: AbortController }> {
  const keys: (string | undefined)[] = [];
  server = createServer((request, response) => {
    keys.push(request.headers["idempotency-key"]?.toString());
    answer(request, response, keys.length);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const stop = new AbortController();
  const client = new ApiClient({
    url: `http://127.0.0.1:${port}`,
    token: "t",
    signal: stop.signal,
    hint: "Start it.",
  });
  return { client, keys, stop };
}

const reply = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void => {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
};
const failing = (code: string, message = "No.", details?: object) => ({ error: { code, message, details } });
const anything = z.unknown();

async function failure(work: Promise<unknown>): Promise<GastownError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof GastownError) return error;
  throw new Error("It did not fail as expected.", { cause: error });
}

describe("the client", () => {
  it("repeats what may be repeated, with the same key, until it is answered", async () => {
    const { client, keys } = await serving((_, response, call) => {
      if (call < 3) reply(response, 503, failing("storage_busy"), { "retry-after": "0" });
      else reply(response, 200, { ok: true });
    });
    expect(await client.post(z.object({ ok: z.boolean() }), "/a")).toEqual({ ok: true });
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[\w-]{20,}$/);
  });

  it("gives up after five tries, and does not repeat what will not get better", async () => {
    const busy = await serving((_, response) =>
      reply(response, 503, failing("at_capacity"), { "retry-after": "0" }),
    );
    expect((await failure(busy.client.get(anything, "/a"))).code).toBe("at_capacity");
    expect(busy.keys).toHaveLength(5);
    server?.close();
    const taken = await serving((_, response) => reply(response, 409, failing("name_taken")));
    const error = await failure(taken.client.post(anything, "/a"));
    expect([error.code, exitCodeOf(error)]).toEqual(["name_taken", 6]);
    expect(taken.keys).toHaveLength(1);
  });

  it("asks once more when a connection was cut, with the same key", async () => {
    const { client, keys } = await serving((request, response, call) => {
      if (call === 1) request.socket.destroy();
      else reply(response, 200, 1);
    });
    expect(await client.post(z.number(), "/a")).toBe(1);
    expect(new Set(keys).size).toBe(1);
    expect(keys).toHaveLength(2);
  });

  it("gives each intent a key of its own, and reads none", async () => {
    const { client, keys } = await serving((_, response) => reply(response, 200, 1));
    await client.post(anything, "/a");
    await client.post(anything, "/a");
    await client.get(anything, "/a");
    expect(keys[2]).toBeUndefined();
    expect(keys[0]).not.toBe(keys[1]);
  });

  it("says that nobody is there, with exit code 4", async () => {
    const { client } = await serving(() => {});
    server?.close();
    const error = await failure(client.get(anything, "/a"));
    expect(exitCodeOf(error)).toBe(4);
    expect(error.message).toMatch(/No gastown answers at .*Start it\./);
  });

  it("names the fields of a refused body, and a shape that it does not know", async () => {
    const { client } = await serving((_, response) =>
      reply(
        response,
        400,
        failing("validation_failed", "Not valid.", { issues: [{ path: ["title"], message: "is empty" }] }),
      ),
    );
    expect((await failure(client.post(anything, "/a"))).message).toBe("Not valid. (title: is empty)");
    const odd = await serving((_, response) => reply(response, 200, { id: 5 }));
    expect((await failure(odd.client.get(z.object({ id: z.string() }), "/a"))).message).toMatch(
      /does not know \(id/,
    );
    const broken = await serving((_, response) =>
      response.writeHead(502, { "retry-after": "0" }).end("<html>"),
    );
    expect((await failure(broken.client.post(anything, "/a"))).message).toMatch(/answered 502/);
  });

  it("ends at once when it is interrupted", async () => {
    const { client, stop } = await serving(() => stop.abort(new GastownError("timeout", "Interrupted.")));
    expect((await failure(client.get(anything, "/a"))).message).toBe("Interrupted.");
  });
});
