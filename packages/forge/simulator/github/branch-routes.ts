import { Hono } from "hono";
import { z } from "zod";
import { git } from "../git/git.ts";
import { listHeads } from "../git/refs.ts";
import { resolveCommit } from "../git/bare.ts";
import { ApiError, notFound } from "../http/api-error.ts";
import { bodyOf } from "../http/body.ts";
import type { World } from "../model/world.ts";
import { atRepository } from "./at.ts";

const creation = z.object({ ref: z.string().startsWith("refs/heads/"), sha: z.string() });
const refJson = (name: string, sha: string): object => ({
  ref: `refs/${name}`,
  object: { type: "commit", sha },
});

/** The commit at exactly this branch, and at nothing else of that name. */
async function branchHead(dir: string, name: string): Promise<string | null> {
  return name.startsWith("heads/") ? ((await listHeads(dir)).get(name.slice("heads/".length)) ?? null) : null;
}

export function branchRoutes(world: World): Hono {
  const app = new Hono();

  app.get("/repos/:owner/:repo/git/ref/:ref{.+}", (c) =>
    atRepository(world, c, "read", async ({ repository }) => {
      const name = decodeURIComponent(c.req.param("ref"));
      const sha = await branchHead(repository.dir, name);
      if (sha === null) throw notFound();
      return c.json(refJson(name, sha));
    }),
  );

  app.post("/repos/:owner/:repo/git/refs", (c) =>
    atRepository(world, c, "write", async ({ repository: { dir } }) => {
      const { ref, sha } = await bodyOf(c, creation);
      if ((await resolveCommit(dir, sha)) !== sha) throw new ApiError(422, "Object does not exist");
      const name = ref.slice("refs/".length);
      if ((await branchHead(dir, name)) !== null) throw new ApiError(422, "Reference already exists");
      await git(dir, ["update-ref", ref, sha]);
      return c.json(refJson(name, sha), 201);
    }),
  );

  app.delete("/repos/:owner/:repo/git/refs/:ref{.+}", (c) =>
    atRepository(world, c, "write", async ({ repository: { dir } }) => {
      const name = decodeURIComponent(c.req.param("ref"));
      if ((await branchHead(dir, name)) === null) throw new ApiError(422, "Reference does not exist");
      await git(dir, ["update-ref", "-d", `refs/${name}`]);
      return c.body(null, 204);
    }),
  );
  return app;
}
