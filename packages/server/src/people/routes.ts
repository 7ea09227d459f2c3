/** Who one is, and signing in (spec/api.md §3.1, §3.2). */
import { GastownError, limits } from "@gastown/protocol";
import { serialize } from "hono/utils/cookie";
import { getCookie } from "hono/cookie";
import { z } from "zod";
import { cookieName, createLoginLink, LOCAL_USER, signIn } from "../auth/users.ts";
import type { Endpoints } from "../http/endpoint.ts";
import type { AppContext } from "../http/env.ts";
import { noBody } from "../http/query.ts";
import { sha256Hex } from "../kernel/hash.ts";
import type { ServerPorts } from "../ports.ts";

const COOKIE_SECONDS = 90 * 86_400;

export function peopleRoutes(on: Endpoints, ports: ServerPorts): void {
  on.plain(
    {
      method: "get",
      path: "/api/me",
      operation: "auth.me",
      summary: "Who this credential belongs to.",
      who: "user",
      answer: z.object({
        kind: z.literal("user"),
        userId: z.string(),
        name: z.string(),
        orgs: z.array(z.object({ orgId: z.string(), name: z.string(), role: z.string() })),
        scopes: z.array(z.string()),
      }),
    },
    () => ({ kind: "user" as const, ...LOCAL_USER, orgs: [], scopes: ["read", "write", "admin"] }),
  );

  on.plain(
    {
      method: "post",
      path: "/api/auth/login",
      operation: "auth.login",
      summary: "Uses up a login code and sets the session cookie.",
      who: "anyone",
      body: z.strictObject({ code: limits.text(1, 200) }),
      answer: z.object({ userId: z.string() }),
      secret: true,
    },
    async ({ body, c }) => {
      const secret = await signIn(ports, body.code).catch((error: unknown) => {
        if (error instanceof GastownError) authEvent(ports, c, "auth.login_failed");
        throw error;
      });
      authEvent(ports, c, "auth.login");
      setCookie(ports, c, secret, COOKIE_SECONDS);
      return { userId: LOCAL_USER.userId };
    },
  );

  on.plain(
    {
      method: "post",
      path: "/api/auth/logout",
      operation: "auth.logout",
      summary: "Ends the browser session.",
      who: "user",
      body: noBody,
      answer: z.object({ ok: z.literal(true) }),
    },
    async ({ c }) => {
      const cookie = getCookie(c, cookieName(ports));
      if (cookie !== undefined) ports.store.dropBrowserSession(await sha256Hex(cookie));
      setCookie(ports, c, "", 0);
      return { ok: true as const };
    },
  );

  on.plain(
    {
      method: "post",
      path: "/api/auth/login-links",
      operation: "auth.loginLinks.create",
      summary: "A one-use link that signs a browser in, valid for 10 minutes.",
      who: "user",
      body: noBody,
      status: 201,
      answer: z.object({ url: z.string(), expiresAt: z.string() }),
      secret: true,
    },
    () => createLoginLink(ports),
  );
}

function setCookie(ports: ServerPorts, c: AppContext, value: string, maxAge: number): void {
  const secure = ports.publicUrl.startsWith("https:");
  c.set(
    "setCookie",
    serialize(cookieName(ports), value, { path: "/", httpOnly: true, sameSite: "Strict", secure, maxAge }),
  );
}

function authEvent(ports: ServerPorts, c: AppContext, event: string): void {
  ports.sink.event({
    event,
    at: new Date(ports.now()).toISOString(),
    delivery: "http",
    requestId: c.get("requestId"),
  });
}
