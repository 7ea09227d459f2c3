import { Hono } from "hono";
import { z } from "zod";
import { changedFiles, containsCommit } from "../git/bare.ts";
import { listHeads } from "../git/refs.ts";
import { pullOf } from "../http/access.ts";
import { ApiError } from "../http/api-error.ts";
import { bodyOf } from "../http/body.ts";
import { pageOf } from "../http/pages.ts";
import { openPull, opinions } from "../model/pulls.ts";
import { accessOf, allows, type World } from "../model/world.ts";
import { atProject, originOf } from "./at.ts";
import { mergeRequestJson, userJson } from "./render.ts";

const STATES = { opened: "open", closed: "closed", merged: "merged" } as const;
const opening = z.object({
  source_branch: z.string(),
  target_branch: z.string(),
  title: z.string(),
  description: z.string().optional(),
  /** Where it is to go, if that is another project than the one that it comes from. */
  target_project_id: z.int().optional(),
});
const change = z.object({
  title: z.string().optional(),
  description: z.string().optional(),
  state_event: z.enum(["close", "reopen"]).optional(),
});

/** On GitLab a draft is one by its title. */
const DRAFT = /^draft:/i;

export function mergeRequestRoutes(world: World): Hono {
  const app = new Hono();

  app.get("/projects/:id/merge_requests", (c) =>
    atProject(world, c, "read", async ({ repository }) => {
      const { state, source_branch, target_branch } = c.req.query();
      const found = repository.pulls
        .filter((pull) => state === undefined || state === "all" || STATES[state as "opened"] === pull.state)
        .filter((pull) => source_branch === undefined || pull.from.branch === source_branch)
        .filter((pull) => target_branch === undefined || pull.base === target_branch)
        .toSorted((a, b) => b.number - a.number);
      const page = pageOf(found, c.req.url);
      const json = await Promise.all(
        page.items.map((pull) => mergeRequestJson(repository, pull, originOf(c))),
      );
      return c.json(json, 200, page.headers);
    }),
  );

  app.post("/projects/:id/merge_requests", (c) =>
    atProject(world, c, "write", async ({ repository: source, token }) => {
      const input = await bodyOf(c, opening);
      const id = input.target_project_id ?? source.id;
      const repository = world.repositories.find((one) => one.forge === "gitlab" && one.id === id);
      if (repository === undefined || !allows(accessOf(repository, token), "read"))
        throw new ApiError(404, "Project Not Found");
      const headSha = (await listHeads(source.dir)).get(input.source_branch);
      const base = (await listHeads(repository.dir)).get(input.target_branch);
      if (headSha === undefined || base === undefined) throw new ApiError(400, "Branch does not exist");
      const same = repository.pulls.find(
        (pull) =>
          pull.state === "open" &&
          pull.from.repository === source &&
          pull.from.branch === input.source_branch &&
          pull.base === input.target_branch,
      );
      if (same !== undefined)
        throw new ApiError(
          409,
          `Another open merge request already exists for this source branch: !${same.number}`,
        );
      if (source === repository && (await containsCommit(repository.dir, base, headSha)))
        throw new ApiError(422, "The source branch has nothing that the target branch lacks");
      const pull = openPull(world, repository, {
        from: { repository: source, branch: input.source_branch },
        base: input.target_branch,
        author: token.user,
        title: input.title,
        body: input.description ?? "",
        draft: DRAFT.test(input.title),
        headSha,
      });
      return c.json(await mergeRequestJson(repository, pull, originOf(c)), 201);
    }),
  );

  app.get("/projects/:id/merge_requests/:iid", (c) =>
    atProject(world, c, "read", async ({ repository }) =>
      c.json(await mergeRequestJson(repository, pullOf(repository, c.req.param("iid")), originOf(c))),
    ),
  );

  app.put("/projects/:id/merge_requests/:iid", (c) =>
    atProject(world, c, "write", async ({ repository }) => {
      const pull = pullOf(repository, c.req.param("iid"));
      const input = await bodyOf(c, change);
      pull.title = input.title ?? pull.title;
      pull.body = input.description ?? pull.body;
      pull.draft = DRAFT.test(pull.title);
      if (input.state_event !== undefined && pull.state !== "merged")
        pull.state = input.state_event === "close" ? "closed" : "open";
      pull.updatedAt = world.clock.now();
      world.changed(repository, pull, "edited");
      return c.json(await mergeRequestJson(repository, pull, originOf(c)));
    }),
  );

  app.get("/projects/:id/merge_requests/:iid/diffs", (c) =>
    atProject(world, c, "read", async ({ repository }) => {
      const pull = pullOf(repository, c.req.param("iid"));
      const page = pageOf(await changedFiles(repository.dir, pull.base, pull.headSha), c.req.url);
      const json = page.items.map(({ path, patch }) => ({ old_path: path, new_path: path, diff: patch }));
      return c.json(json, 200, page.headers);
    }),
  );

  app.get("/projects/:id/merge_requests/:iid/approvals", (c) =>
    atProject(world, c, "read", ({ repository }) => {
      const pull = pullOf(repository, c.req.param("iid"));
      const approved = opinions(pull).filter(({ state }) => state === "APPROVED");
      const required = repository.protection.get(pull.base)?.requiredApprovals ?? 0;
      return c.json({
        approved: approved.length >= required,
        approvals_required: required,
        approvals_left: Math.max(0, required - approved.length),
        approved_by: approved.map(({ author }) => ({ user: userJson(author) })),
      });
    }),
  );

  app.get("/projects/:id/merge_requests/:iid/reviewers", (c) =>
    atProject(world, c, "read", ({ repository }) => {
      const words: Record<string, string> = { APPROVED: "approved", CHANGES_REQUESTED: "requested_changes" };
      const held = opinions(pullOf(repository, c.req.param("iid")));
      const json = held.map(({ author, state }) => ({
        user: userJson(author),
        state: words[state] ?? "unreviewed",
      }));
      return c.json(json);
    }),
  );
  return app;
}
