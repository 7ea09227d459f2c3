/** The control server's edge, without a socket; what the routes do is tested where it is done. */
import type { Hono } from "hono";
import { beforeEach, describe, expect, it } from "vitest";
import { GastownError } from "@gastown/protocol";
import type { GitWorkspace } from "../git/index.ts";
import type { Registry } from "../sessions/registry.ts";
import { Effects } from "./effects.ts";
import { controlApp } from "./server.ts";

const BEARER = "the-bearer-of-this-instance";
const drains: unknown[] = [];
let app: Hono;

beforeEach(() => {
  drains.length = 0;
  const registry = {
    get: () => {
      throw new GastownError("not_found", "no such session");
    },
  } as unknown as Registry;
  const nothing = () => Promise.resolve(null);
  const none = { open: nothing, follow: nothing, read: () => null };
  const git = { check: () => Promise.reject(new Error("secret detail")) } as unknown as GitWorkspace;
  app = controlApp({
    bearer: BEARER,
    registry,
    git,
    logs: none,
    slots: none,
    effects: new Effects({ effect: () => undefined }, () => undefined),
    health: () => ({
      status: "ok",
      instance_id: "run_1",
      version: "1",
      epoch: 1,
      started_at: "",
      draining: false,
      sessions: 0,
    }),
    progress: () => ({ phase: "ready", done: 0, total: 0 }),
    drain: (request) => drains.push(request),
    refreshToken: () => undefined,
    log: () => undefined,
  });
});

async function call(
  method: string,
  path: string,
  body?: string,
  bearer: string | null = BEARER,
): Promise<{ status: number; code: unknown; body: unknown }> {
  const headers = new Headers(bearer === null ? {} : { authorization: `Bearer ${bearer}` });
  const response = await app.request(path, { method, headers, ...(body === undefined ? {} : { body }) });
  const answer = (await response.json()) as { error?: { code: string } };
  return { status: response.status, code: answer.error?.code, body: answer };
}

const ROUTES: [string, string][] = [
  ["GET", "/health"],
  ["GET", "/ready"],
  ["POST", "/refresh-token"],
  ["POST", "/drain"],
  ["POST", "/agents/start"],
  ["POST", "/agents/sess_1/settle"],
  ["POST", "/agents/sess_1/stop"],
  ["POST", "/agents/sess_1/message"],
  ["GET", "/agents/sess_1/status"],
  ["GET", "/agents/sess_1/diff"],
  ["GET", "/logs/stderr/sess_1"],
  ["GET", "/logs/log_1"],
  ["GET", "/git/diff"],
  ["POST", "/repos/check"],
  ["POST", "/repos/setup"],
  ["POST", "/git/branch"],
  ["POST", "/git/merge"],
  ["POST", "/gates/run"],
  ["DELETE", "/effects/eff_1"],
  ["GET", "/nothing"],
];

describe("every route", () => {
  it.each(ROUTES)("%s %s wants the bearer of this instance", async (method, path) => {
    const body = method === "POST" ? "{}" : undefined;
    expect(await call(method, path, body, null)).toMatchObject({ status: 401, code: "unauthenticated" });
    expect(await call(method, path, body, `${BEARER}x`)).toMatchObject({
      status: 401,
      code: "token_invalid",
    });
    expect((await call(method, path, body)).status).not.toBe(401);
  });

  it.each(ROUTES.filter(([method]) => method === "POST"))(
    "%s %s answers bad bodies with 400",
    async (method, path) => {
      expect(await call(method, path, "{")).toMatchObject({ status: 400, code: "malformed_json" });
      for (const body of ["", "null", "[]", "3", '{"unknown_field":1}']) {
        expect(await call(method, path, body)).toMatchObject({ status: 400, code: "validation_failed" });
      }
    },
  );

  it("reads at most 1 MiB", async () => {
    const body = JSON.stringify({ reason: "x".repeat(1_100_000) });
    expect(await call("POST", "/drain", body)).toMatchObject({ status: 413, code: "payload_too_large" });
  });

  it("never repeats a value that was sent", async () => {
    const answer = await call("POST", "/drain", JSON.stringify({ reason: "a-secret-value", wait_ms: 1 }));
    expect(answer.code).toBe("validation_failed");
    expect(JSON.stringify(answer.body)).not.toContain("a-secret-value");
  });

  it("is a typed error where there is none", async () => {
    expect(await call("GET", "/nothing")).toMatchObject({ status: 404, code: "route_not_found" });
  });

  it("hides what a defect says", async () => {
    const answer = await call("POST", "/repos/check", JSON.stringify({ git_url: "https://example.com/x" }));
    expect(answer).toMatchObject({ status: 500, code: "internal" });
    expect(JSON.stringify(answer.body)).not.toContain("secret detail");
  });
});

describe("the routes of the runner itself", () => {
  it("tell how it is and take a drain", async () => {
    expect((await call("GET", "/health")).body).toMatchObject({ status: "ok", instance_id: "run_1" });
    expect((await call("GET", "/ready")).body).toEqual({ phase: "ready", done: 0, total: 0 });
    expect((await call("POST", "/drain", '{"reason":"host","wait_ms":5}')).status).toBe(202);
    expect(drains).toEqual([{ reason: "host", wait_ms: 5 }]);
  });

  it("say 404 for a session that is not known here", async () => {
    expect(await call("GET", "/agents/sess_1/status")).toMatchObject({ status: 404, code: "not_found" });
  });
});
