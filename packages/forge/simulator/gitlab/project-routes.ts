import { Hono } from "hono";
import { mergeBase, parentsOf, readPath, resolveCommit } from "../git/bare.ts";
import { callerOf } from "../http/access.ts";
import { ApiError } from "../http/api-error.ts";
import { pageOf } from "../http/pages.ts";
import { accessOf, type World } from "../model/world.ts";
import { atProject, originOf } from "./at.ts";
import { LEVELS, projectJson, userJson } from "./render.ts";

export function projectRoutes(world: World): Hono {
  const app = new Hono();
  app.get("/user", (c) => c.json(userJson(callerOf(world, c).user)));

  app.get("/projects/:id", (c) =>
    atProject(world, c, "read", ({ repository, token }) =>
      c.json(projectJson(repository, originOf(c), accessOf(repository, token) ?? "read")),
    ),
  );

  app.get("/projects/:id/members/all", (c) =>
    atProject(world, c, "read", ({ repository }) => {
      const wanted = c.req.queries("user_ids[]");
      const members = [...repository.members].flatMap(([login, access]) => {
        const user = world.users.get(login);
        return user === undefined || (wanted !== undefined && !wanted.includes(String(user.id)))
          ? []
          : [{ ...userJson(user), access_level: LEVELS[access] }];
      });
      const page = pageOf(members, c.req.url);
      return c.json(page.items, 200, page.headers);
    }),
  );

  app.get("/projects/:id/repository/files/:path/raw", (c) =>
    atProject(world, c, "read", async ({ repository }) => {
      const commit = await resolveCommit(repository.dir, c.req.query("ref") ?? "HEAD");
      if (commit === null) throw new ApiError(404, "Commit Not Found");
      const found = await readPath(repository.dir, commit, decodeURIComponent(c.req.param("path")));
      if (found?.kind !== "file") throw new ApiError(404, "File Not Found");
      return c.text(found.text);
    }),
  );

  app.get("/projects/:id/repository/commits/:sha", (c) =>
    atProject(world, c, "read", async ({ repository }) => {
      const id = await resolveCommit(repository.dir, decodeURIComponent(c.req.param("sha")));
      if (id === null) throw new ApiError(404, "Commit Not Found");
      return c.json({ id, parent_ids: await parentsOf(repository.dir, id) });
    }),
  );

  app.get("/projects/:id/repository/merge_base", (c) =>
    atProject(world, c, "read", async ({ repository: { dir } }) => {
      const [a = "", b = ""] = c.req.queries("refs[]") ?? [];
      const commits = [await resolveCommit(dir, a), await resolveCommit(dir, b)];
      const [left, right] = commits;
      if (left === null || left === undefined) throw new ApiError(400, `Could not find ref: ${a}`);
      if (right === null || right === undefined) throw new ApiError(400, `Could not find ref: ${b}`);
      const id = await mergeBase(dir, left, right);
      if (id === null) throw new ApiError(404, "Merge Base Not Found");
      return c.json({ id });
    }),
  );
  return app;
}
