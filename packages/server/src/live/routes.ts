/** The upgrade of the live feed; the socket itself belongs to the host (spec/api.md §5.1). */
import { GastownError, LIVE_PROTOCOL } from "@gastown/protocol";
import type { WSEvents } from "hono/ws";
import { documentOf } from "../http/document.ts";
import type { App, AppContext } from "../http/env.ts";
import type { Registry } from "../http/registry.ts";
import type { ServerPorts } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";
import { z } from "zod";
import { newPeerState, type Peer } from "./peer.ts";

const PATH = "/api/towns/{townId}/live";
const PATTERN = "/api/towns/:townId/live";

export function liveRoute(app: App, ports: ServerPorts, registry: Registry): void {
  registry.add({ method: "GET", pattern: PATTERN, operation: "live.open" });
  app.openAPIRegistry.registerPath(
    documentOf({
      method: "get",
      path: PATH,
      operation: "live.open",
      summary: `WebSocket of what happens (subprotocol ${LIVE_PROTOCOL}), with a ticket.`,
      who: "ticket",
      query: z.strictObject({ ticket: z.string(), after: z.string().optional() }),
      answer: z.object({}),
    }),
  );
  app.on("GET", PATTERN, async (c) => {
    c.set("operation", "live.open");
    c.set("delivery", "ws");
    const after = afterOf(c.req.query("after"));
    const { actor, principal } = await consumeTicket(
      ports,
      c.req.param("townId") ?? "",
      c.req.query("ticket") ?? "",
    );
    if (ports.upgradeWebSocket === undefined || c.req.header("upgrade")?.toLowerCase() !== "websocket") {
      throw new GastownError("upgrade_required", "This is a WebSocket. Connect with one.");
    }
    return ports.upgradeWebSocket(c as AppContext, eventsOf(actor, principal, after));
  });
}

/** Used up before the socket is accepted. Throws `ticket_invalid` for every reason alike. */
export async function consumeTicket(
  ports: ServerPorts,
  townId: string,
  ticket: string,
): Promise<{ actor: TownActor; principal: string }> {
  const actor = ticket === "" ? undefined : await ports.towns.get(townId);
  const principal = await actor?.tickets.consume(ticket);
  if (actor === undefined || principal === undefined) {
    throw new GastownError("ticket_invalid", "This ticket is unknown, used or too old. Ask for a new one.");
  }
  return { actor, principal };
}

function afterOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d{1,15}$/.test(text))
    throw new GastownError("validation_failed", "query.after: not a sequence number.");
  return Number(text);
}

function eventsOf(actor: TownActor, principal: string, after: number | null): WSEvents {
  let peer: Peer | undefined;
  return {
    onOpen(_event, socket) {
      peer = {
        send: (text) => socket.send(text),
        close: (code, reason) => socket.close(code, reason),
        buffered: () => bufferedOf(socket.raw),
        state: newPeerState(actor.id, principal),
      };
      actor.feed.open(peer, after);
    },
    onMessage({ data }, _socket) {
      if (peer !== undefined) actor.feed.message(peer, typeof data === "string" ? data : "");
    },
    onClose() {
      if (peer !== undefined) actor.feed.closed(peer);
    },
    onError() {
      if (peer !== undefined) actor.feed.closed(peer);
    },
  };
}

function bufferedOf(raw: unknown): number {
  if (typeof raw !== "object" || raw === null || !("bufferedAmount" in raw)) return 0;
  return typeof raw.bufferedAmount === "number" ? raw.bufferedAmount : 0;
}
