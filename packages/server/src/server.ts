import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Peer } from "./live/peer.ts";
import type { ServerPorts } from "./ports.ts";
import type { TownActor } from "./towns/actor.ts";

export interface GastownServer {
  /** Answers every request: `app.fetch(request, env)`; `T/live` through `ports.upgradeWebSocket`. */
  app: OpenAPIHono;
  /** A one-use link that signs a browser in (spec/api.md §2.2), valid for 10 minutes. */
  createLoginLink(): Promise<{ url: string; expiresAt: string }>;
  /** The live feed for a host that upgrades by itself (a Durable Object). */
  live: {
    /** Uses up a ticket before the socket is accepted; undefined: refuse with 401 `ticket_invalid`. */
    consumeTicket(townId: string, ticket: string): Promise<{ actor: TownActor; principal: string } | undefined>;
    /** Greets a new connection and keeps it fed; `after`: the last `seq` that the client has. */
    open(actor: TownActor, peer: Peer, after: number | null): void;
    message(actor: TownActor, peer: Peer, text: string): void;
    closed(actor: TownActor, peer: Peer): void;
  };
}

/** The server over a host's ports. Makes no timer and reads nothing until it is asked. */
export declare function createServer(ports: ServerPorts): GastownServer;
