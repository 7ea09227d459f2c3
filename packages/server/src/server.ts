/** The whole server over a host's ports. */
import { OpenAPIHono } from "@hono/zod-openapi";
import { agentRoutes } from "./agents/routes.ts";
import { createLoginLink } from "./auth/users.ts";
import { beadRoutes } from "./beads/routes.ts";
import { configRoutes } from "./config/routes.ts";
import { adminRoutes } from "./admin/routes.ts";
import { needsYouRoutes } from "./needs-you/routes.ts";
import { notifyRoutes } from "./notify/routes.ts";
import { createForgeTokens } from "./credentials/tokens.ts";
import { credentialsTestRoute } from "./credentials/test-route.ts";
import { convoyRoutes } from "./convoys/routes.ts";
import { escalationRoutes } from "./escalations/routes.ts";
import { eventRoutes } from "./events/routes.ts";
import { useChain } from "./http/chain.ts";
import { createEndpoints } from "./http/endpoint.ts";
import type { App, AppEnv } from "./http/env.ts";
import { createRegistry, type RegisteredRoute } from "./http/registry.ts";
import { consumeTicket, liveRoute } from "./live/routes.ts";
import { mailRoutes } from "./mail/routes.ts";
import { mayorRoutes } from "./mayor/routes.ts";
import { mcpRoute } from "./mcp/route.ts";
import { mergeRoutes } from "./merges/routes.ts";
import { diffRoutes } from "./reading/diff-routes.ts";
import { logRoutes } from "./reading/log-routes.ts";
import { moleculeRoutes } from "./molecules/routes.ts";
import { nudgeRoutes } from "./nudges/routes.ts";
import { peopleRoutes } from "./people/routes.ts";
import type { ServerPorts } from "./ports.ts";
import { repositoryRoutes } from "./repositories/routes.ts";
import { rigRoutes } from "./rigs/routes.ts";
import { runnerRoutes } from "./runner/routes.ts";
import { documentRoute, serviceRoutes } from "./service/routes.ts";
import { sessionRoutes } from "./sessions/routes.ts";
import type { TownActor } from "./towns/actor.ts";
import { townRoutes } from "./towns/routes.ts";
import { webhookRoute } from "./webhooks/route.ts";

export interface GastownServer {
  /** Answers every request: `app.fetch(request, env)`; `T/live` through `ports.upgradeWebSocket`. */
  app: App;
  /** A one-use link that signs a browser in (spec/api.md §2.2), valid for 10 minutes. */
  createLoginLink(): Promise<{ url: string; expiresAt: string }>;
  /**
   * For a host that upgrades by itself (a Durable Object): uses a ticket up before the socket is
   * accepted; then `actor.feed.open(peer, after)`, `.message`, `.closed`. Throws `ticket_invalid`.
   */
  consumeTicket(townId: string, ticket: string): Promise<{ actor: TownActor; principal: string }>;
  /** Every route that there is. */
  routes: readonly RegisteredRoute[];
}

/** The server over a host's ports. Makes no timer and reads nothing until it is asked. */
export function createServer(ports: ServerPorts): GastownServer {
  const app: App = new OpenAPIHono<AppEnv>();
  const registry = createRegistry();
  useChain(app, ports, registry);
  const on = createEndpoints(app, ports, registry);

  serviceRoutes(on, ports);
  documentRoute(on, app, ports);
  peopleRoutes(on, ports);
  repositoryRoutes(on, ports);
  townRoutes(on, ports);
  rigRoutes(on, ports);
  configRoutes(on, ports);
  notifyRoutes(on, ports);
  needsYouRoutes(on);
  adminRoutes(on);
  beadRoutes(on);
  convoyRoutes(on);
  mergeRoutes(on, ports);
  diffRoutes(on, ports);
  logRoutes(on, ports);
  agentRoutes(on);
  sessionRoutes(on);
  nudgeRoutes(on);
  mailRoutes(on);
  moleculeRoutes(on);
  mayorRoutes(on, ports);
  escalationRoutes(on);
  eventRoutes(on);
  const tokens = createForgeTokens(ports);
  runnerRoutes(on, ports, tokens);
  credentialsTestRoute(on, ports, tokens);
  mcpRoute(app, ports, registry);
  webhookRoute(app, ports, registry);
  liveRoute(app, ports, registry);

  return {
    app,
    createLoginLink: () => createLoginLink(ports),
    consumeTicket: (townId, ticket) => consumeTicket(ports, townId, ticket),
    routes: registry.routes,
  };
}
