/** GitHub's REST and GraphQL as a server of one's own serves them: below `/api/v3`, and `/api/graphql`. */
import { Hono } from "hono";
import { ApiError } from "../http/api-error.ts";
import type { World } from "../model/world.ts";
import { appRoutes } from "./app-routes.ts";
import { branchRoutes } from "./branch-routes.ts";
import { checkRoutes } from "./check-routes.ts";
import { graphqlRoutes } from "./graphql/routes.ts";
import { mergeRoutes } from "./merge-routes.ts";
import { pullRoutes } from "./pull-routes.ts";
import { repositoryRoutes } from "./repository-routes.ts";
import { reviewRoutes } from "./review-routes.ts";

const PARTS = [appRoutes, repositoryRoutes, branchRoutes, pullRoutes, mergeRoutes, reviewRoutes, checkRoutes];

export function githubRoutes(world: World): Hono {
  const rest = new Hono();
  for (const part of PARTS) rest.route("/", part(world));
  const app = new Hono();
  app.route("/api/v3", rest);
  app.route("/api/graphql", graphqlRoutes(world));
  app.onError((error) => {
    if (!(error instanceof ApiError)) throw error;
    const { status, headers, message } = error;
    return Response.json({ message, documentation_url: "https://docs.github.com/rest" }, { status, headers });
  });
  return app;
}
