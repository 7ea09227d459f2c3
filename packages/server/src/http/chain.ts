/**
 * The chain that every request passes (spec/api.md §1.8): request id and tags → its one event →
 * host → [CORS, anonymous rate limit: not there yet] → route (body, credential, ownership,
 * validation, idempotency, handler) → error mapper.
 */
import { ERROR_CODES, GastownError } from "@gastown/protocol";
import { idMaker } from "@gastown/town";
import { matchedRoutes } from "hono/route";
import type { ServerPorts } from "../ports.ts";
import type { App, AppContext, Principal } from "./env.ts";
import { errorResponse } from "./errors.ts";
import { checkHost } from "./host.ts";
import type { Registry } from "./registry.ts";
import { tagsOf, type Tags } from "./tags.ts";

const REQUEST_ID = /^[A-Za-z0-9._-]{1,64}$/;

export function useChain(app: App, ports: ServerPorts, registry: Registry): void {
  const newId = idMaker(ports.now, () => ports.randomBytes(16));

  app.use("*", async (c, next) => {
    const began = ports.now();
    begin(c, newId("request"));
    await next();
    finish(c);
    writeEvent(ports, c, began);
  });
  app.use("*", async (c, next) => {
    checkHost(ports, c);
    await next();
  });
  app.notFound((c) => missing(ports, registry, c));
  app.onError((error, c) => {
    const known = error instanceof GastownError && ERROR_CODES[error.code][0] !== 500;
    if (!known)
      ports.sink.log("error", "a request failed", {
        requestId: c.get("requestId"),
        route: c.get("pattern"),
        error,
      });
    return errorResponse(c, error);
  });
}

function begin(c: AppContext, freshId: string): void {
  const given = c.req.header("x-request-id");
  c.set("requestId", given !== undefined && REQUEST_ID.test(given) ? given : freshId);
  // Only a pattern without wildcard is a route; params are not known yet, and never will be where
  // something earlier answers, so tags are read out of the path itself.
  const pattern = matchedRoutes(c).find(({ path }) => !path.includes("*"))?.path ?? "unmatched";
  c.set("pattern", pattern);
  c.set("tags", tagsOf(pattern, c.req.path));
  c.set("principal", { kind: "anonymous" });
  c.set("operation", "unmatched");
  c.set("delivery", "http");
  c.set("requestBytes", 0);
  c.set("responseBytes", 0);
  c.set("replayed", false);
}

function finish(c: AppContext): void {
  // The answer to an upgrade is the host's own and takes no headers.
  if (c.res.status === 101) return;
  c.header("X-Request-Id", c.get("requestId"));
  c.header("X-Content-Type-Options", "nosniff");
  c.header("Referrer-Policy", "no-referrer");
  const cookie = c.get("setCookie");
  if (cookie !== undefined) c.header("Set-Cookie", cookie, { append: true });
  if (c.req.path.startsWith("/api")) c.header("Cache-Control", "no-store");
}

function writeEvent(ports: ServerPorts, c: AppContext, began: number): void {
  const principal = c.get("principal");
  const errorCode = c.get("errorCode");
  try {
    ports.sink.event({
      event: "http.request",
      at: new Date(began).toISOString(),
      requestId: c.get("requestId"),
      operation: c.get("operation"),
      method: c.req.method,
      route: c.get("pattern"),
      statusCode: c.res.status,
      durationMs: ports.now() - began,
      delivery: c.get("delivery"),
      principal: principal.kind,
      requestBytes: c.get("requestBytes"),
      responseBytes: c.get("responseBytes"),
      ...(errorCode === undefined ? {} : { errorCode }),
      ...(c.get("replayed") ? { replayed: true } : {}),
      ...tagsOfPrincipal(principal),
      ...c.get("tags"),
    });
  } catch {
    // A sink that fails must not fail the request that it was told about.
  }
}

/** Fills what the path does not say; the path's own tags win. */
function tagsOfPrincipal(principal: Principal): Tags {
  if (principal.kind === "user") return { userId: principal.userId };
  if (principal.kind === "runner") return { townId: principal.townId };
  if (principal.kind === "anonymous") return {};
  return { townId: principal.townId, sessionId: principal.sessionId, agentId: principal.agentId };
}

async function missing(ports: ServerPorts, registry: Registry, c: AppContext): Promise<Response> {
  const allow = registry.methodsFor(c.req.path);
  if (allow.length > 0) {
    return errorResponse(
      c,
      new GastownError("method_not_allowed", `${c.req.method} is not offered here.`, { allow }),
    );
  }
  const ours = /^\/(api|debug)(\/|$)/.test(c.req.path);
  const page = ours ? undefined : await ports.pages?.(c.req.raw);
  return page ?? errorResponse(c, new GastownError("route_not_found", "There is nothing at this address."));
}
