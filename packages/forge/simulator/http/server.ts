/** The loopback port: git's requests to git, all others to the two APIs; each through faults of its own. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import type { FaultPlan } from "../faults/faults.ts";
import { gitRoute, serveGit } from "../git/smart-http.ts";
import { spoiledGit } from "../git/spoiled-git.ts";
import { githubRoutes } from "../github/routes.ts";
import { gitlabRoutes } from "../gitlab/routes.ts";
import { findToken, type World } from "../model/world.ts";
import { forgeOf } from "./access.ts";
import { conditional } from "./etag.ts";
import { tell } from "./limits.ts";
import { spoil } from "./spoil.ts";

export interface RequestRecord {
  readonly method: string;
  /** With the query, without the origin. */
  readonly path: string;
  status: number | null;
}

export interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

function application(world: World): Hono {
  const app = new Hono();
  app.route("/", githubRoutes(world));
  app.route("/", gitlabRoutes(world));
  app.notFound((c) => c.json({ message: "Not Found" }, 404));
  return app;
}

/** What is asked of the forge itself, which lives below `path`; null: it is elsewhere. */
function below(path: string, url: string): string | null {
  if (path === "") return url;
  return url.startsWith(`${path}/`) ? url.slice(path.length) : null;
}

export async function listen(parts: {
  world: World;
  faults: FaultPlan;
  gitFaults: FaultPlan;
  records: RequestRecord[];
  port: number;
  path: string;
}): Promise<Listening> {
  const { world, faults, gitFaults, records, port, path } = parts;
  const app = application(world);
  const answer = async (request: Request, outgoing: ServerResponse): Promise<Response> => {
    const url = new URL(request.url);
    const record: RequestRecord = { method: request.method, path: url.pathname + url.search, status: null };
    records.push(record);
    const serve = async (how?: "whole"): Promise<Response> => {
      const token = findToken(world, request.headers.get("authorization") ?? undefined);
      const answered = await app.fetch(request);
      const response = how === "whole" ? answered : await conditional(request, answered);
      if (token !== null) tell(token, forgeOf(url.pathname), response);
      return response;
    };
    const fault = faults.next(record.method, record.path);
    const response = fault === null ? await serve() : await spoil(fault, outgoing, serve);
    record.status = response.status;
    return response;
  };
  const api = getRequestListener((request, env) => answer(request, env.outgoing as ServerResponse), {
    overrideGlobalObjects: false,
  });
  const server = createServer((request, response) => {
    const asked = below(path, request.url ?? "/");
    request.url = asked ?? "/";
    const route = gitRoute(world, new URL(request.url, "http://simulator"));
    if (asked === null) response.writeHead(404).end();
    else if (route === null) void api(request, response);
    else {
      const fault = gitFaults.next(request.method ?? "GET", request.url);
      const served =
        fault === null
          ? serveGit(world, route, request, response)
          : spoiledGit(fault, world, route, request, response);
      void served.catch(() => response.destroy());
    }
  });
  // A client that sends just as an idle connection is closed would see a fault that nobody asked for.
  server.keepAliveTimeout = 0;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  server.listen(port, "127.0.0.1");
  await new Promise<void>((resolve, reject) => {
    server.once("listening", resolve);
    server.once("error", reject);
  });
  const address = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${address.port}${path}`, close: () => stop(server) };
}

async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
