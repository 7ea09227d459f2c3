import { Hono } from "hono";
import { resolveCommit } from "../git/bare.ts";
import { ApiError } from "../http/api-error.ts";
import { pageOf } from "../http/pages.ts";
import type { Check } from "../model/types.ts";
import type { World } from "../model/world.ts";
import { atProject, originOf } from "./at.ts";
import { jobStatus, pipelineOf } from "./render.ts";

const jobJson = (check: Check, origin: string): object => ({
  id: check.id,
  name: check.name,
  status: jobStatus(check),
  allow_failure: check.allowFailure,
  web_url: `${origin}/-/jobs/${check.id}`,
});

const statusJson = (check: Check, sha: string, origin: string): object => ({
  id: check.id,
  sha,
  name: check.name,
  status: jobStatus(check),
  description: check.summary,
  target_url: `${origin}/-/jobs/${check.id}`,
  allow_failure: check.allowFailure,
});

export function pipelineRoutes(world: World): Hono {
  const app = new Hono();

  app.get("/projects/:id/repository/commits/:sha/statuses", (c) =>
    atProject(world, c, "read", async ({ repository }) => {
      const sha = await resolveCommit(repository.dir, c.req.param("sha"));
      if (sha === null) throw new ApiError(404, "Commit Not Found");
      const page = pageOf(repository.checks.get(sha) ?? [], c.req.url);
      const json = page.items.map((check) => statusJson(check, sha, originOf(c)));
      return c.json(json, 200, page.headers);
    }),
  );

  app.get("/projects/:id/pipelines/:pipeline/jobs", (c) =>
    atProject(world, c, "read", ({ repository }) => {
      const pipelines = [...repository.checks.keys()].map((sha) => pipelineOf(repository, sha));
      const found = pipelines.find((one) => String(one?.id) === c.req.param("pipeline"));
      if (found === undefined || found === null) throw new ApiError(404, "Not found");
      const page = pageOf(found.jobs, c.req.url);
      const json = page.items.map((job) => jobJson(job, originOf(c)));
      return c.json(json, 200, page.headers);
    }),
  );

  app.get("/projects/:id/jobs/:job/trace", (c) =>
    atProject(world, c, "read", ({ repository }) => {
      const all = [...repository.checks.values()].flat();
      const found = all.find(({ id }) => String(id) === c.req.param("job"));
      if (found === undefined) throw new ApiError(404, "Not Found");
      return c.text(found.log ?? "");
    }),
  );
  return app;
}
