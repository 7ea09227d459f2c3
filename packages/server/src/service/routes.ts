/** What the server says about itself (spec/api.md §3.1). */
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import type { App } from "../http/env.ts";
import { GastownError } from "@gastown/protocol";
import type { ServerPorts } from "../ports.ts";

const check = z.object({ name: z.string(), ok: z.boolean(), detail: z.string().optional() });
const readyShape = z.object({ ready: z.boolean(), checks: z.array(check) });
const runtimeShape = z.object({
  id: z.string(),
  title: z.string(),
  installed: z.boolean(),
  version: z.string().optional(),
  loggedIn: z.boolean(),
  problem: z.string().optional(),
  models: z.array(z.string()).optional(),
});

export function serviceRoutes(on: Endpoints, ports: ServerPorts): void {
  on.plain(
    {
      method: "get",
      path: "/health",
      operation: "service.health",
      summary: "Whether the process answers. Touches no storage.",
      who: "anyone",
      answer: z.object({ status: z.literal("ok"), version: z.string(), uptimeSeconds: z.number() }),
    },
    () => ({
      status: "ok" as const,
      version: ports.version,
      uptimeSeconds: Math.max(0, Math.round((ports.now() - ports.startedAt) / 1000)),
    }),
  );

  on.plain(
    {
      method: "get",
      path: "/ready",
      operation: "service.ready",
      summary: "Whether every part that work needs is there.",
      who: "anyone",
      answer: readyShape,
    },
    async () => {
      const checks = [{ name: "keys", ok: ports.keys.length > 0 }, ...((await ports.readiness?.()) ?? [])];
      const failed = checks.filter(({ ok }) => !ok);
      if (failed.length > 0) {
        const names = failed.map(({ name }) => name).join(", ");
        throw new GastownError("not_ready", `Not ready: ${names}.`, { ready: false, checks });
      }
      return { ready: true, checks };
    },
  );

  on.plain(
    {
      method: "get",
      path: "/api/version",
      operation: "service.version",
      summary: "Version and mode.",
      who: "anyone",
      answer: z.object({
        version: z.string(),
        apiVersion: z.literal(1),
        commit: z.string(),
        platform: z.enum(["node", "workers"]),
        authMode: z.enum(["local", "oidc"]),
        development: z.boolean(),
      }),
    },
    () => ({
      version: ports.version,
      apiVersion: 1 as const,
      commit: ports.commit,
      platform: ports.platform,
      authMode: "local" as const,
      development: ports.development,
    }),
  );

  on.plain(
    {
      method: "get",
      path: "/api/runtimes",
      operation: "runtimes.list",
      summary: "Agent runtimes, and whether they can be used.",
      who: "user",
      answer: z.object({ items: z.array(runtimeShape) }),
    },
    async () => ({ items: await ports.runtimes.list() }),
  );
}

/** The document of all routes; made at the first call, when all of them are known. */
export function documentRoute(on: Endpoints, app: App, ports: ServerPorts): void {
  let made: unknown;
  on.plain(
    {
      method: "get",
      path: "/api/openapi.json",
      operation: "service.openapi",
      summary: "This API as OpenAPI 3.1.",
      who: "anyone",
      answer: z.record(z.string(), z.unknown()),
    },
    () => {
      made ??= app.getOpenAPI31Document({
        openapi: "3.1.0",
        info: {
          title: "gastown",
          version: ports.version,
          description: "Towns of coding agents that turn requests into landed commits.",
        },
      });
      return made as Record<string, unknown>;
    },
  );
}
