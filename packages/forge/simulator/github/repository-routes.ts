import { Hono } from "hono";
import { callerOf } from "../http/access.ts";
import { notFound } from "../http/api-error.ts";
import { containsCommit, mergeBase, readPath, resolveCommit } from "../git/bare.ts";
import { accessOf, type World } from "../model/world.ts";
import { atRepository, originOf } from "./at.ts";
import { repositoryJson, userJson } from "./render.ts";

export function repositoryRoutes(world: World): Hono {
  const app = new Hono();
  app.get("/user", (c) => c.json(userJson(callerOf(world, c).user)));

  app.get("/repos/:owner/:repo", (c) =>
    atRepository(world, c, "read", ({ repository, token }) =>
      c.json(repositoryJson(repository, originOf(c), accessOf(repository, token) ?? "read")),
    ),
  );

  app.get("/repos/:owner/:repo/contents/:path{.+}", (c) =>
    atRepository(world, c, "read", async ({ repository }) => {
      const commit = await resolveCommit(repository.dir, c.req.query("ref") ?? repository.defaultBranch);
      const path = decodeURIComponent(c.req.param("path"));
      const found = commit === null ? null : await readPath(repository.dir, commit, path);
      if (found === null) throw notFound();
      if (found.kind === "folder") return c.json([]);
      return c.body(found.text, 200, { "content-type": "application/vnd.github.raw+json; charset=utf-8" });
    }),
  );

  app.get("/repos/:owner/:repo/commits/:ref", (c) =>
    atRepository(world, c, "read", async ({ repository }) => {
      const ref = decodeURIComponent(c.req.param("ref"));
      const sha = await resolveCommit(repository.dir, ref);
      if (sha === null) return c.json({ message: `No commit found for SHA: ${ref}` }, 422);
      return c.json({ sha });
    }),
  );

  app.get("/repos/:owner/:repo/compare/:basehead", (c) =>
    atRepository(world, c, "read", async ({ repository: { dir } }) => {
      const [from = "", to = ""] = decodeURIComponent(c.req.param("basehead")).split("...");
      const [base, head] = await Promise.all([resolveCommit(dir, from), resolveCommit(dir, to)]);
      if (base === null || head === null || (await mergeBase(dir, base, head)) === null) throw notFound();
      const status =
        base === head
          ? "identical"
          : (await containsCommit(dir, head, base))
            ? "ahead"
            : (await containsCommit(dir, base, head))
              ? "behind"
              : "diverged";
      return c.json({ status, commits: [] });
    }),
  );
  return app;
}
