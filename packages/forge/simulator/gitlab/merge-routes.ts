import { Hono } from "hono";
import { z } from "zod";
import { pullOf } from "../http/access.ts";
import { ApiError } from "../http/api-error.ts";
import { bodyOf } from "../http/body.ts";
import { mergePull } from "../model/merging.ts";
import { mergeability } from "../model/pulls.ts";
import type { Method, Repository } from "../model/types.ts";
import type { World } from "../model/world.ts";
import { atProject, originOf } from "./at.ts";
import { mergeRequestJson } from "./render.ts";

const merging = z.object({
  sha: z.string().optional(),
  squash: z.boolean().default(false),
  merge_commit_message: z.string().optional(),
  squash_commit_message: z.string().optional(),
});

/** The project decides how; squashing is asked for, where the project leaves that open. */
function methodOf(repository: Repository, squash: boolean): Method {
  const { methods } = repository;
  if (methods.includes("squash") && (squash || methods.length === 1)) return "squash";
  return methods.includes("merge") ? "merge" : "rebase";
}

export function mergeRoutes(world: World): Hono {
  const app = new Hono();
  app.put("/projects/:id/merge_requests/:iid/merge", (c) =>
    atProject(world, c, "write", async ({ repository, token }) => {
      const pull = pullOf(repository, c.req.param("iid"));
      const input = await bodyOf(c, merging);
      if (pull.state !== "open" || pull.draft || repository.queueRequired)
        throw new ApiError(405, "Method Not Allowed");
      if (input.sha !== undefined && input.sha !== pull.headSha)
        throw new ApiError(409, `SHA does not match HEAD of source branch: ${pull.headSha}`);
      const state = await mergeability(repository, pull);
      if (state.conflicts) throw new ApiError(422, "Branch cannot be merged");
      if (state.blocked !== null) throw new ApiError(405, "Method Not Allowed");
      const method = methodOf(repository, input.squash);
      const given = method === "squash" ? input.squash_commit_message : input.merge_commit_message;
      const message = given ?? `Merge branch '${pull.from.branch}' into '${pull.base}'`;
      if (!(await mergePull(world, { repository, pull }, { method, message, by: token.user })))
        throw new ApiError(422, "Branch cannot be merged");
      return c.json(await mergeRequestJson(repository, pull, originOf(c)));
    }),
  );
  return app;
}
