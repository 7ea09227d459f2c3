/** GitLab's REST, below `/api/v4`. */
import { Hono } from "hono";
import { ApiError } from "../http/api-error.ts";
import type { World } from "../model/world.ts";
import { branchRoutes } from "./branch-routes.ts";
import { discussionRoutes } from "./discussion-routes.ts";
import { mergeRequestRoutes } from "./merge-request-routes.ts";
import { mergeRoutes } from "./merge-routes.ts";
import { pipelineRoutes } from "./pipeline-routes.ts";
import { projectRoutes } from "./project-routes.ts";

const PARTS = [
  projectRoutes,
  branchRoutes,
  mergeRequestRoutes,
  mergeRoutes,
  discussionRoutes,
  pipelineRoutes,
];

export function gitlabRoutes(world: World): Hono {
  const app = new Hono();
  for (const part of PARTS) app.route("/api/v4", part(world));
  app.onError((error) => {
    if (!(error instanceof ApiError)) throw error;
    const { status, headers, message } = error;
    return Response.json({ message: `${status} ${message}` }, { status, headers });
  });
  return app;
}
