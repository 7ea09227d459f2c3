import { Hono } from "hono";
import { z } from "zod";
import { pullOf } from "../http/access.ts";
import { ApiError } from "../http/api-error.ts";
import { bodyOf } from "../http/body.ts";
import { mergePull } from "../model/merging.ts";
import { mergeability } from "../model/pulls.ts";
import type { Method, PullRequest, Repository } from "../model/types.ts";
import type { World } from "../model/world.ts";
import { atRepository } from "./at.ts";

const merging = z.object({
  sha: z.string().optional(),
  merge_method: z.enum(["merge", "squash", "rebase"]).default("merge"),
  commit_title: z.string().optional(),
  commit_message: z.string().optional(),
});

const NOT_ALLOWED: Record<Method, string> = {
  merge: "Merge commits are not allowed on this repository.",
  squash: "Squash merges are not allowed on this repository.",
  rebase: "Rebase merges are not allowed on this repository.",
};
const BLOCKED = {
  approvals: "At least 1 approving review is required by reviewers with write access.",
  changes_requested: "Changes must be resolved before merging.",
  checks: "Required status check is expected.",
  behind: "Head branch is out of date. Review and try the merge again.",
};

async function check(
  repository: Repository,
  pull: PullRequest,
  wanted: { method: Method; sha: string | undefined },
): Promise<void> {
  if (pull.state !== "open") throw new ApiError(405, "Pull Request is not mergeable");
  if (wanted.sha !== undefined && wanted.sha !== pull.headSha)
    throw new ApiError(409, "Head branch was modified. Review and try the merge again.");
  if (repository.queueRequired)
    throw new ApiError(
      405,
      "Repository rule violations found\n\nChanges must be made through the merge queue",
    );
  if (!repository.methods.includes(wanted.method)) throw new ApiError(405, NOT_ALLOWED[wanted.method]);
  if (pull.draft) throw new ApiError(405, "Pull Request is still a draft");
  const state = await mergeability(repository, pull);
  if (state.conflicts) throw new ApiError(405, "Pull Request is not mergeable");
  if (state.blocked !== null) throw new ApiError(405, BLOCKED[state.blocked]);
}

export function mergeRoutes(world: World): Hono {
  const app = new Hono();
  app.put("/repos/:owner/:repo/pulls/:number/merge", (c) =>
    atRepository(world, c, "write", async ({ repository, token }) => {
      const pull = pullOf(repository, c.req.param("number"));
      const input = await bodyOf(c, merging);
      await check(repository, pull, { method: input.merge_method, sha: input.sha });
      const title = input.commit_title ?? `${pull.title} (#${pull.number})`;
      const message = `${title}\n\n${input.commit_message ?? ""}`;
      const how = { method: input.merge_method, message, by: token.user };
      if (!(await mergePull(world, { repository, pull }, how)))
        throw new ApiError(405, "Base branch was modified. Review and try the merge again.");
      return c.json({ merged: true, sha: pull.mergeCommit, message: "Pull Request successfully merged" });
    }),
  );
  return app;
}
