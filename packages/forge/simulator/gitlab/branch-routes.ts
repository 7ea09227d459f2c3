import { Hono } from "hono";
import { z } from "zod";
import { resolveCommit } from "../git/bare.ts";
import { listHeads } from "../git/refs.ts";
import { git } from "../git/git.ts";
import { ApiError } from "../http/api-error.ts";
import { bodyOf } from "../http/body.ts";
import type { World } from "../model/world.ts";
import { atProject } from "./at.ts";

const creation = z.object({ branch: z.string(), ref: z.string() });
const branchJson = (name: string, id: string): object => ({ name, commit: { id } });
const missing = (): ApiError => new ApiError(404, "Branch Not Found");

export function branchRoutes(world: World): Hono {
  const app = new Hono();

  app.get("/projects/:id/repository/branches/:branch", (c) =>
    atProject(world, c, "read", async ({ repository }) => {
      const name = decodeURIComponent(c.req.param("branch"));
      const head = (await listHeads(repository.dir)).get(name);
      if (head === undefined) throw missing();
      return c.json(branchJson(name, head));
    }),
  );

  app.post("/projects/:id/repository/branches", (c) =>
    atProject(world, c, "write", async ({ repository: { dir } }) => {
      const { branch, ref } = await bodyOf(c, creation);
      const commit = await resolveCommit(dir, ref);
      if (commit === null) throw new ApiError(400, "Invalid reference name");
      if ((await listHeads(dir)).has(branch)) throw new ApiError(400, "Branch already exists");
      await git(dir, ["update-ref", `refs/heads/${branch}`, commit]);
      return c.json(branchJson(branch, commit), 201);
    }),
  );

  app.delete("/projects/:id/repository/branches/:branch", (c) =>
    atProject(world, c, "write", async ({ repository: { dir } }) => {
      const name = decodeURIComponent(c.req.param("branch"));
      if (!(await listHeads(dir)).has(name)) throw missing();
      await git(dir, ["update-ref", "-d", `refs/heads/${name}`]);
      return c.body(null, 204);
    }),
  );
  return app;
}
