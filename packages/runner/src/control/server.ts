/** The control server (spec/runner.md §1): loopback, a bearer on every route, typed errors. */
import { createAdaptorServer } from "@hono/node-server";
import { drainRequest, ensureError, GastownError, refreshTokenRequest } from "@gastown/protocol";
import type { ErrorBody, HealthAnswer } from "@gastown/protocol";
import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { z } from "zod";
import type { GitWorkspace } from "../git/index.ts";
import type { Log } from "../options.ts";
import type { Registry } from "../sessions/registry.ts";
import { agentRoutes } from "./agent-routes.ts";
import { requireBearer } from "./bearer.ts";
import type { Effects } from "./effects.ts";
import { gitRoutes } from "./git-routes.ts";
import { jsonBody } from "./json-body.ts";
import { readingRoutes } from "./reading-routes.ts";
import type { ReadingParts } from "./reading-routes.ts";

export interface Progress {
  readonly phase: "booting" | "resuming" | "ready" | "draining";
  readonly done: number;
  readonly total: number;
}

export interface ControlOptions {
  readonly bearer: string;
  readonly registry: Registry;
  readonly effects: Effects;
  readonly git: GitWorkspace;
  readonly logs: ReadingParts["logs"];
  readonly slots: ReadingParts["slots"];
  readonly health: () => HealthAnswer;
  readonly progress: () => Progress;
  readonly drain: (request: z.infer<typeof drainRequest>) => void;
  /** A new credential towards the town, from now on. */
  readonly refreshToken: (token: string) => void;
  readonly log: Log;
}

function errorBody(error: GastownError): ErrorBody {
  const { code, message, details } = error;
  return { error: { code, message, ...(details === undefined ? {} : { details }) } };
}

/** The routes without a socket, for tests as for the server. */
export function controlApp(options: ControlOptions): Hono {
  const app = new Hono();
  app.onError((thrown, c) => {
    const error = ensureError(thrown);
    if (error.code === "internal")
      options.log("control.failed", { path: c.req.path, message: thrown.message });
    if (error.status === 503) c.header("retry-after", "1");
    return c.json(errorBody(error), statusOf(error));
  });
  app.notFound((c) => {
    const error = new GastownError("route_not_found", `The runner has no ${c.req.method} ${c.req.path}.`);
    return c.json(errorBody(error), 404);
  });
  app.use(requireBearer(options.bearer));
  app.get("/health", (c) => c.json(options.health()));
  app.get("/ready", (c) => c.json(options.progress()));
  app.post("/refresh-token", async (c) => {
    options.refreshToken((await jsonBody(c, refreshTokenRequest)).token);
    return c.json({ refreshed: true });
  });
  app.post("/drain", async (c) => {
    options.drain(await jsonBody(c, drainRequest));
    return c.json({ accepted: true }, 202);
  });
  app.route("/", agentRoutes(options.registry, options.effects));
  app.route("/", gitRoutes(options.git, options.effects, options.registry));
  app.route("/", readingRoutes(options));
  return app;
}

function statusOf(error: GastownError): ContentfulStatusCode {
  return error.status as ContentfulStatusCode;
}

export interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1. */
export function listen(app: Hono): Promise<Listening> {
  // Host and agents are few and here. A connection that the server closes for being idle may be taken for
  // the next request at the same moment, which then fails.
  const serverOptions = { keepAliveTimeout: 0 };
  const server = createAdaptorServer({ fetch: app.fetch, hostname: "127.0.0.1", serverOptions });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      if (address === null || typeof address === "string") {
        reject(new Error("The control server has no port."));
        return;
      }
      const close = (): Promise<void> =>
        new Promise((done) => {
          server.close(() => done());
          if ("closeAllConnections" in server) server.closeAllConnections();
        });
      resolve({ url: `http://127.0.0.1:${address.port}`, close });
    });
  });
}
