import type { ForgeError } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { ForgeFailure } from "../failure.ts";
import type { FetchLike } from "../context.ts";
import { createTransport, type SendRequest } from "./transport.ts";

const NOW = Date.parse("2026-11-01T12:00:00Z");
const never = new AbortController().signal;

const sender = (fetch: FetchLike, timeoutMs = 60_000): SendRequest =>
  createTransport("github", {
    token: async () => ({ ok: true, token: "t0", source: "test" }),
    fetch,
    timeoutMs,
    now: () => NOW,
  }).sender(never);

async function failing(send: SendRequest): Promise<ForgeError> {
  try {
    await send("https://api.example/x");
  } catch (thrown) {
    if (thrown instanceof ForgeFailure) return thrown.error;
    throw thrown;
  }
  throw new Error("it did not fail");
}

const answering = (status: number, headers: Record<string, string> = {}, body = "{}"): SendRequest =>
  sender(async () => new Response(body, { status, headers, statusText: "Said So" }));

describe("what a status means", () => {
  const error = (status: number, transient: boolean, retry_after_ms?: number): ForgeError => ({
    kind: "http_error",
    provider: "github",
    status,
    status_text: "Said So",
    transient,
    ...(retry_after_ms === undefined ? {} : { retry_after_ms }),
  });

  it.each([
    [400, {}, "{}", error(400, false)],
    [401, {}, "{}", error(401, false)],
    [403, {}, '{"message":"Resource not accessible"}', error(403, false)],
    [404, {}, "{}", error(404, false)],
    [404, { "retry-after": "5" }, "{}", error(404, false)],
    [409, {}, "{}", error(409, false)],
    [429, {}, "{}", error(429, true)],
    [429, { "retry-after": "7" }, "{}", error(429, true, 7000)],
    [429, { "retry-after": "Sun, 01 Nov 2026 12:00:09 GMT" }, "{}", error(429, true, 9000)],
    [429, { "retry-after": "soon" }, "{}", error(429, true)],
    [403, { "retry-after": "60" }, "{}", error(403, true, 60_000)],
    [
      403,
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(NOW / 1000 + 90) },
      "{}",
      error(403, true, 90_000),
    ],
    [
      429,
      { "ratelimit-remaining": "0", "ratelimit-reset": String(NOW / 1000 + 3) },
      "{}",
      error(429, true, 3000),
    ],
    [403, { "x-ratelimit-remaining": "12" }, "{}", error(403, false)],
    [403, {}, '{"message":"You have exceeded a secondary rate limit."}', error(403, true, 60_000)],
    [
      403,
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "99999999999" },
      "{}",
      error(403, true, 7_200_000),
    ],
    [500, {}, "{}", error(500, true)],
    [503, { "retry-after": "2" }, "no JSON", error(503, true, 2000)],
  ])("%i with %j and %s", async (status, headers, body, expected) => {
    expect(await failing(answering(status, headers, body))).toEqual(expected);
  });
});

describe("no answer", () => {
  const broken = (cause: unknown): SendRequest =>
    sender(async () => {
      throw new TypeError("fetch failed", { cause });
    });
  const coded = (code: string): Error => Object.assign(new Error(code), { code });

  it.each([
    [coded("ECONNREFUSED"), "ECONNREFUSED", undefined],
    [coded("ENETUNREACH"), "ENETUNREACH", true],
    [coded("EAI_AGAIN"), "EAI_AGAIN", true],
    [new AggregateError([coded("ENETUNREACH"), coded("EAI_AGAIN")]), "ENETUNREACH", true],
    [new AggregateError([coded("ENETUNREACH"), coded("ETIMEDOUT")]), "ENETUNREACH", undefined],
    [undefined, "network failure", undefined],
  ])("%s", async (cause, status_text, offline) => {
    expect(await failing(broken(cause))).toEqual({
      kind: "http_error",
      provider: "github",
      status: null,
      status_text,
      transient: true,
      ...(offline === undefined ? {} : { offline }),
    });
  });

  it("is a timeout once the time is up", async () => {
    const hanging = sender(
      (_url, init) =>
        new Promise((_resolve, reject) => {
          init.signal?.addEventListener("abort", () => reject(new Error("aborted")));
        }),
      1,
    );
    expect(await failing(hanging)).toMatchObject({ status: null, status_text: "timeout", transient: true });
  });

  it("is the caller's reason where the caller gave up", async () => {
    const stop = new AbortController();
    const reason = new Error("the town closes");
    const transport = createTransport("github", {
      token: async () => ({ ok: true, token: "t", source: "test" }),
      fetch: async () => {
        stop.abort(reason);
        throw new Error("aborted");
      },
    });
    await expect(transport.sender(stop.signal)("https://api.example/x")).rejects.toBe(reason);
  });

  it("is no request at all without a token", async () => {
    let asked = 0;
    const send = createTransport("gitlab", {
      token: async () => ({ ok: false, tried: ["town integration", "gitlab_token"] }),
      fetch: async () => {
        asked += 1;
        return new Response("{}");
      },
    }).sender(never);
    const tried = ["town integration", "gitlab_token"];
    expect(await failing(send)).toEqual({ kind: "no_token", provider: "gitlab", tried });
    expect(asked).toBe(0);
  });
});

describe("tokens", () => {
  it("are asked for with every request", async () => {
    const tokens = ["one", "two"];
    const seen: (string | null)[] = [];
    const send = createTransport("github", {
      token: async () => ({ ok: true, token: tokens.shift() ?? "", source: "test" }),
      fetch: async (_url: string, init: RequestInit) => {
        seen.push(new Headers(init.headers).get("authorization"));
        return new Response("{}");
      },
    }).sender(never);
    await send("https://api.example/x");
    await send("https://api.example/x");
    expect(seen).toEqual(["Bearer one", "Bearer two"]);
  });

  it("go with a redirect at the same origin, and to no other", async () => {
    const seen: string[] = [];
    const send = sender(async (url, init) => {
      seen.push(`${url} ${new Headers(init.headers).get("authorization") ?? "nothing"}`);
      const to: Record<string, string> = {
        "https://api.example/x": "/moved",
        "https://api.example/moved": "https://blobs.example/log",
      };
      const location = to[url];
      return location === undefined
        ? new Response("the log")
        : new Response(null, { status: 302, headers: { location } });
    });
    expect(await (await send("https://api.example/x")).text()).toBe("the log");
    expect(seen).toEqual([
      "https://api.example/x Bearer t0",
      "https://api.example/moved Bearer t0",
      "https://blobs.example/log nothing",
    ]);
  });

  it("and what is written follow no redirect that could lose or leak them", async () => {
    const seen: string[] = [];
    const send = sender(async (url) => {
      seen.push(url);
      return new Response(null, { status: 307, headers: { location: "https://other.example/x" } });
    });
    await expect(send("https://api.example/x", { method: "POST", body: "{}" })).rejects.toBeInstanceOf(
      ForgeFailure,
    );
    expect(seen).toEqual(["https://api.example/x"]);
  });
});

describe("conditional requests", () => {
  it("answer from memory what the forge confirms, and only that", async () => {
    let etag = '"1"';
    const asked: (string | null)[] = [];
    const send = sender(async (_url, init) => {
      const condition = new Headers(init.headers).get("if-none-match");
      asked.push(condition);
      return condition === etag
        ? new Response(null, { status: 304 })
        : new Response(`{"is":${etag}}`, {
            headers: { etag, link: '<x>; rel="next"', "content-type": "application/json" },
          });
    });
    const read = async (): Promise<unknown> => (await send("https://api.example/x")).json();
    expect([await read(), await read()]).toEqual([{ is: "1" }, { is: "1" }]);
    etag = '"2"';
    const changed = await send("https://api.example/x");
    expect(await changed.json()).toEqual({ is: "2" });
    expect((await send("https://api.example/x")).headers.get("link")).toBe('<x>; rel="next"');
    expect(asked).toEqual([null, '"1"', '"1"', '"2"']);
  });

  it("does not take a 304 that nothing was remembered for as a success", async () => {
    expect(await failing(sender(async () => new Response(null, { status: 304 })))).toMatchObject({
      status: 304,
      transient: false,
    });
  });
});
