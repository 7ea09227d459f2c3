import { describe, expect, it } from "vitest";
import { createServer, type GastownServer } from "./index.ts";
import { LOCAL_TOKEN, testPorts, type TestPorts } from "./testing/ports.ts";

const BASE = "http://127.0.0.1:4780";
const bearer = { authorization: `Bearer ${LOCAL_TOKEN}` };

async function server(): Promise<GastownServer & { ports: TestPorts }> {
  const ports = await testPorts();
  return { ...createServer(ports), ports };
}
const ask = (app: GastownServer["app"], path: string, init: RequestInit = {}): Promise<Response> =>
  Promise.resolve(app.request(`${BASE}${path}`, init));
const errorOf = async (
  response: Response,
): Promise<{ code: string; message: string; requestId: string; details?: Record<string, unknown> }> =>
  ((await response.json()) as { error: { code: string; message: string; requestId: string } }).error;

describe("the service's own routes", () => {
  it("says that it is alive without a credential", async () => {
    const { app } = await server();
    const answer = await ask(app, "/health");
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ status: "ok", version: "0.0.0-test", uptimeSeconds: 5 });
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("x-request-id")).toMatch(/^req_[0-9A-Z]{26}$/);
  });

  it("is not ready while a part is missing, and says which", async () => {
    const ports = await testPorts({ readiness: () => Promise.resolve([{ name: "storage", ok: false }]) });
    const answer = await ask(createServer(ports).app, "/ready");
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    expect((await errorOf(answer)).message).toContain("storage");
  });

  it("has a document that names every route, and only those", async () => {
    const { app, routes } = await server();
    const document = (await (await ask(app, "/api/openapi.json")).json()) as {
      openapi: string;
      paths: Record<
        string,
        Record<string, { operationId: string; tags: string[]; responses: Record<string, unknown> }>
      >;
    };
    expect(document.openapi).toBe("3.1.0");
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(
        ([method, { operationId }]) => `${method.toUpperCase()} ${path} ${operationId}`,
      ),
    );
    const registered = routes.map(
      ({ method, pattern, operation }) => `${method} ${pattern.replaceAll(/:(\w+)/g, "{$1}")} ${operation}`,
    );
    expect(documented.toSorted()).toEqual(registered.toSorted());
    const live = app.routes.filter(({ method, path }) => method !== "ALL" && !path.includes("*"));
    expect(live.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(
      routes.map(({ method, pattern }) => `${method} ${pattern}`).toSorted(),
    );
    const operations = routes.map(({ operation }) => operation);
    expect(new Set(operations).size).toBe(operations.length);
    for (const methods of Object.values(document.paths)) {
      for (const operation of Object.values(methods)) expect(operation.responses["default"]).toBeDefined();
    }
  });

  it("knows no parameter name outside the closed list", async () => {
    const allowed = new Set(
      "orgId userId townId rigId agentId beadId convoyId sessionId messageId escalationId tokenId effectId nudgeId logId inboxSeq runtimeId provider".split(
        " ",
      ),
    );
    const { routes } = await server();
    const names = routes.flatMap(({ pattern }) =>
      [...pattern.matchAll(/:(\w+)/g)].map(([, name]) => name ?? ""),
    );
    expect(names.filter((name) => !allowed.has(name))).toEqual([]);
  });
});

describe("the chain", () => {
  it("tags every route from its path and writes exactly one event, without a credential", async () => {
    const { app, routes, ports } = await server();
    const tags = ["orgId", "userId", "townId", "rigId", "agentId", "beadId", "convoyId", "sessionId"];
    for (const { method, pattern } of routes) {
      const sent: Record<string, string> = {};
      const path = pattern.replaceAll(/:(\w+)/g, (_all, name: string) => (sent[name] = `${name}-1`));
      ports.recorded.length = 0;
      await ask(app, path, { method });
      const events = ports.recorded.filter(({ event }) => event === "http.request");
      expect(events, `${method} ${pattern}`).toHaveLength(1);
      expect(events[0]).toMatchObject({ route: pattern, method });
      const wanted = Object.fromEntries(Object.entries(sent).filter(([name]) => tags.includes(name)));
      expect(events[0], `${method} ${pattern}`).toMatchObject(wanted);
    }
  });

  it("never logs a path parameter that is no id", async () => {
    const { app, ports } = await server();
    await ask(app, "/api/towns/a%20b%3Cb%3E/status");
    expect(ports.recorded.at(-1)).toMatchObject({ townId: "invalid", statusCode: 401 });
  });

  it("keeps a caller's request id when it is one, on answers and errors alike", async () => {
    const { app } = await server();
    const answer = await ask(app, "/api/nothing", { headers: { "x-request-id": "mine-1" } });
    expect(answer.headers.get("x-request-id")).toBe("mine-1");
    expect((await errorOf(answer)).requestId).toBe("mine-1");
    const other = await ask(app, "/api/nothing", { headers: { "x-request-id": "not mine!" } });
    expect(other.headers.get("x-request-id")).toMatch(/^req_/);
  });

  it("answers an unknown path 404 and another method 405 with Allow, signed in or not", async () => {
    const { app, ports } = await server();
    for (const headers of [{}, bearer]) {
      const unknown = await ask(app, "/api/towns/x/nothing", { headers });
      expect(unknown.status).toBe(404);
      expect((await errorOf(unknown)).code).toBe("route_not_found");
      const method = await ask(app, "/api/towns", { method: "DELETE", headers });
      expect(method.status).toBe(405);
      expect(method.headers.get("allow")).toBe("GET");
    }
    expect(ports.recorded.at(-1)).toMatchObject({
      route: "unmatched",
      statusCode: 405,
      errorCode: "method_not_allowed",
    });
  });

  it("gives pages only outside of the API", async () => {
    const ports = await testPorts({ pages: () => new Response("page") });
    const { app } = createServer(ports);
    expect(await (await ask(app, "/beads/1")).text()).toBe("page");
    expect((await ask(app, "/api/beads")).status).toBe(404);
    expect((await ask(app, "/debug/x")).status).toBe(404);
  });

  it("answers only to its own names", async () => {
    const { app } = await server();
    for (const host of ["localhost:1", "127.0.0.1", "[::1]:4780"]) {
      expect((await ask(app, "/health", { headers: { host } })).status).toBe(200);
    }
    const foreign = await ask(app, "/health", { headers: { host: "evil.example" } });
    expect(foreign.status).toBe(403);
    expect((await errorOf(foreign)).code).toBe("host_not_allowed");
  });

  it("does not fail a request whose event cannot be written", async () => {
    const ports = await testPorts();
    const broken = {
      ...ports,
      sink: {
        ...ports.sink,
        event: () => {
          throw new Error("disk full");
        },
      },
    };
    expect((await ask(createServer(broken).app, "/health")).status).toBe(200);
  });

  it("shows nothing of a defect but its code", async () => {
    const ports = await testPorts({ runtimes: { list: () => Promise.reject(new Error("secret path")) } });
    const answer = await ask(createServer(ports).app, "/api/runtimes", { headers: bearer });
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("secret path");
    expect(JSON.stringify(ports.logged.map(({ message }) => message))).toContain("a request failed");
  });
});

describe("bodies", () => {
  const post = (
    app: GastownServer["app"],
    body: BodyInit | undefined,
    headers: Record<string, string> = { "content-type": "application/json" },
  ) =>
    ask(app, "/api/users/user_local/towns", {
      method: "POST",
      headers: { ...bearer, ...headers },
      ...(body === undefined ? {} : { body }),
    });

  it.each([
    ["not JSON", "{", 400, "malformed_json"],
    ["truncated", '{"name": "a', 400, "malformed_json"],
    ["null", "null", 400, "validation_failed"],
    ["an array", "[]", 400, "validation_failed"],
    ["a string", '"a"', 400, "validation_failed"],
    ["a number", "1", 400, "validation_failed"],
    ["an unknown field", '{"name":"a","extra":1}', 400, "validation_failed"],
    ["empty", "", 400, "validation_failed"],
    ["white space", " \n", 400, "validation_failed"],
    ["deep", `{"name":${"[".repeat(40)}${"]".repeat(40)}}`, 400, "validation_failed"],
    ["very deep", `{"name":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, 400, "validation_failed"],
    [
      "too many keys",
      JSON.stringify(Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`k${i}`, 1]))),
      400,
      "validation_failed",
    ],
    ["NUL", '{"name":"a\\u0000"}', 400, "validation_failed"],
    ["a prototype key", '{"name":"a","__proto__":{}}', 400, "validation_failed"],
    ["a number beyond 2^53", '{"name":9007199254740993}', 400, "validation_failed"],
  ])("refuses %s", async (_what, body, status, code) => {
    const { app } = await server();
    const answer = await post(app, body);
    expect(answer.status).toBe(status);
    expect((await errorOf(answer)).code).toBe(code);
  });

  it("treats an absent body as an empty object, with and without a content type (trap a)", async () => {
    const { app } = await server();
    for (const headers of [{}, { "content-type": "text/plain" }] as Record<string, string>[]) {
      const answer = await post(app, undefined, headers);
      expect(answer.status).toBe(400);
      expect((await errorOf(answer)).details?.["issues"]).toMatchObject([{ path: ["name"] }]);
    }
  });

  it("validates a body without any content type (trap a)", async () => {
    const { app } = await server();
    const answer = await post(app, new TextEncoder().encode('{"name":1}'), {});
    expect((await errorOf(answer)).code).toBe("validation_failed");
  });

  it("refuses another content type and invalid UTF-8", async () => {
    const { app } = await server();
    expect((await post(app, "name=a", { "content-type": "application/x-www-form-urlencoded" })).status).toBe(
      415,
    );
    const answer = await post(app, new Uint8Array([0x7b, 0xff, 0x7d]));
    expect((await errorOf(answer)).code).toBe("malformed_json");
  });

  it("stops reading above 1 MiB, whatever the length header says", async () => {
    const { app } = await server();
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(new Uint8Array(300_000).fill(32));
      },
    });
    const answer = await ask(app, "/api/users/user_local/towns", {
      method: "POST",
      headers: { ...bearer, "content-type": "application/json" },
      body,
      duplex: "half",
    } as RequestInit);
    expect(answer.status).toBe(413);
    const declared = await post(app, "{}", {
      "content-type": "application/json",
      "content-length": "1048577",
    });
    expect(declared.status).toBe(413);
  });

  it("never repeats what was sent", async () => {
    const { app } = await server();
    const answer = await post(app, JSON.stringify({ name: "", token: "planted-value" }));
    expect(await answer.text()).not.toContain("planted-value");
  });

  it("refuses an unknown query parameter and one given twice", async () => {
    const { app } = await server();
    for (const query of ["?nope=1", "?force=true&force=false"]) {
      const answer = await ask(app, `/api/me${query}`, { headers: bearer });
      expect((await errorOf(answer)).code).toBe("validation_failed");
    }
  });
});

describe("signing in", () => {
  it("needs a credential, and takes the local token only as it is", async () => {
    const { app } = await server();
    expect((await errorOf(await ask(app, "/api/me"))).code).toBe("unauthenticated");
    for (const authorization of [
      "Bearer gtl_not-the-right-one-at-all",
      "Basic abc",
      "Bearer",
      `Bearer ${LOCAL_TOKEN}x`,
    ]) {
      expect((await errorOf(await ask(app, "/api/me", { headers: { authorization } }))).code).toBe(
        "token_invalid",
      );
    }
    expect(await (await ask(app, "/api/me", { headers: bearer })).json()).toMatchObject({
      userId: "user_local",
    });
  });

  it("turns a link into a cookie once, and needs our own page for changes by cookie", async () => {
    const { app, createLoginLink } = await server();
    const { url } = await createLoginLink();
    const code = new URL(url).hash.replace("#code=", "");
    const json = { "content-type": "application/json" };
    const login = (): Promise<Response> =>
      ask(app, "/api/auth/login", { method: "POST", headers: json, body: JSON.stringify({ code }) });
    const first = await login();
    expect(first.status).toBe(200);
    const set = first.headers.get("set-cookie") ?? "";
    expect(set).toMatch(/^gastown_test=[\w-]+; Max-Age=7776000; Path=\/; HttpOnly; SameSite=Strict$/);
    expect((await errorOf(await login())).code).toBe("login_code_invalid");

    const cookie = set.split(";")[0] ?? "";
    expect((await ask(app, "/api/me", { headers: { cookie } })).status).toBe(200);
    const logout = (headers: Record<string, string>): Promise<Response> =>
      ask(app, "/api/auth/logout", { method: "POST", headers: { cookie, ...headers } });
    expect((await errorOf(await logout({}))).code).toBe("origin_not_allowed");
    expect((await errorOf(await logout({ origin: "https://evil.example" }))).code).toBe("origin_not_allowed");
    expect((await logout({ origin: BASE })).status).toBe(200);
    expect((await errorOf(await ask(app, "/api/me", { headers: { cookie } }))).code).toBe("unauthenticated");
  });

  it("forgets a code after 10 minutes", async () => {
    const { app, createLoginLink, ports } = await server();
    const code = new URL((await createLoginLink()).url).hash.replace("#code=", "");
    ports.clock.advance(600_001);
    const answer = await ask(app, "/api/auth/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ code }),
    });
    expect((await errorOf(answer)).code).toBe("login_code_invalid");
  });

  it("keeps users out of each other's addresses", async () => {
    const { app } = await server();
    expect((await errorOf(await ask(app, "/api/users/user_other/towns", { headers: bearer }))).code).toBe(
      "user_mismatch",
    );
  });

  it("answers a repeated making of a link without its secret", async () => {
    const { app } = await server();
    const make = (): Promise<Response> =>
      ask(app, "/api/auth/login-links", { method: "POST", headers: { ...bearer, "idempotency-key": "k-1" } });
    expect((await make()).status).toBe(201);
    const again = await make();
    expect(again.status).toBe(409);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    expect((await errorOf(again)).code).toBe("already_exists");
  });
});
