import { serve, upgradeWebSocket } from "@hono/node-server";
import { GastownError } from "@gastown/protocol";
import { WebSocketServer } from "ws";
import { errorCode } from "./data-dir.ts";

export { upgradeWebSocket };

export interface HttpServer {
  /** `http://address:port` as it listens. */
  readonly url: string;
  /** Takes requests from now on; before, they are answered with 503. */
  answer(fetch: Fetch): void;
  /** Takes no more connections, lets running requests end, cuts what is left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

type Fetch = (request: Request, env: object) => Response | Promise<Response>;

const MAX_FRAME_BYTES = 1_024;

/** Listens at once, so that a port that is taken is known before anything else begins. */
export function listen(address: { host: string; port: number }): Promise<HttpServer> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpServer>();
  let fetch: Fetch = () => new Response("starting", { status: 503, headers: { "retry-after": "1" } });
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_FRAME_BYTES });
  const server = serve(
    {
      fetch: (request, env) => fetch(request, env),
      hostname: address.host,
      port: address.port,
      websocket: { server: sockets },
    },
    (info) => {
      const host = info.family === "IPv6" ? `[${info.address}]` : info.address;
      resolve({
        url: `http://${host}:${info.port}`,
        answer: (next) => {
          fetch = next;
        },
        close: (graceMs) => closeServer(graceMs),
      });
    },
  );
  server.once("error", (error) => reject(cannotListen(address, error)));

  const closeServer = (graceMs: number): Promise<void> => {
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    for (const client of sockets.clients) client.close(1001, "the server stops");
    const cut = setTimeout(() => {
      for (const client of sockets.clients) client.terminate();
      if ("closeAllConnections" in server) server.closeAllConnections();
    }, graceMs);
    return closed.promise.finally(() => clearTimeout(cut));
  };
  return promise;
}

function cannotListen(address: { host: string; port: number }, error: unknown): GastownError {
  const where = `${address.host}:${address.port}`;
  const code = errorCode(error);
  const otherwise = "Choose another address with --listen 127.0.0.1:<port>; port 0 takes a free one.";
  if (code === "EADDRINUSE")
    return new GastownError(
      "already_exists",
      `Port ${address.port} on ${address.host} is in use by another program. ${otherwise}`,
      {
        listen: where,
      },
    );
  if (code === "EACCES")
    return new GastownError("forbidden", `This user may not listen on ${where}. ${otherwise}`, {
      listen: where,
    });
  return new GastownError(
    "validation_failed",
    `It is not possible to listen on ${where} (${code}). ${otherwise}`,
    {
      listen: where,
    },
  );
}
