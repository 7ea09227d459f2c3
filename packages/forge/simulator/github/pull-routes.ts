import { Hono } from "hono";
import { z } from "zod";
import { changedFiles, containsCommit } from "../git/bare.ts";
import { listHeads } from "../git/refs.ts";
import { pullOf } from "../http/access.ts";
import { ApiError } from "../http/api-error.ts";
import { bodyOf } from "../http/body.ts";
import { pageOf } from "../http/pages.ts";
import { openPull } from "../model/pulls.ts";
import type { PullRequest, Repository } from "../model/types.ts";
import { findRepository, type World } from "../model/world.ts";
import { atRepository, originOf } from "./at.ts";
import { listedJson, pullJson } from "./render.ts";

const opening = z.object({
  head: z.string(),
  base: z.string(),
  title: z.string(),
  body: z.string().optional(),
  draft: z.boolean().optional(),
});
const change = z.object({
  title: z.string().optional(),
  body: z.string().optional(),
  state: z.enum(["open", "closed"]).optional(),
});

const labelOf = ({ from }: PullRequest): string => `${from.repository.path.split("/")[0]}:${from.branch}`;

/** `owner:branch`, or a branch of the repository itself. */
function headOf(world: World, repository: Repository, head: string): PullRequest["from"] {
  const at = head.indexOf(":");
  if (at < 0) return { repository, branch: head };
  const [owner, branch] = [head.slice(0, at), head.slice(at + 1)];
  const path = `${owner}/${repository.path.split("/")[1]}`;
  const fork = findRepository(world, "github", path);
  if (fork === null) throw new ApiError(422, "Validation Failed: head is invalid");
  return { repository: fork, branch };
}

const baseSha = async (repository: Repository, pull: PullRequest): Promise<string> =>
  (await listHeads(repository.dir)).get(pull.base) ?? pull.headSha;

export function pullRoutes(world: World): Hono {
  const app = new Hono();

  app.get("/repos/:owner/:repo/pulls", (c) =>
    atRepository(world, c, "read", async ({ repository }) => {
      const { state = "open", head, base } = c.req.query();
      const found = repository.pulls
        .filter((pull) => state === "all" || (pull.state === "open") === (state === "open"))
        .filter((pull) => head === undefined || labelOf(pull).toLowerCase() === head.toLowerCase())
        .filter((pull) => base === undefined || pull.base === base)
        .toSorted((a, b) => b.updatedAt - a.updatedAt);
      const page = pageOf(found, c.req.url);
      const bases = await listHeads(repository.dir);
      const json = page.items.map((pull) =>
        listedJson(repository, pull, bases.get(pull.base) ?? pull.headSha, originOf(c)),
      );
      return c.json(json, 200, page.headers);
    }),
  );

  app.post("/repos/:owner/:repo/pulls", (c) =>
    atRepository(world, c, "read", async ({ repository, token }) => {
      const input = await bodyOf(c, opening);
      const from = headOf(world, repository, input.head);
      const headSha = (await listHeads(from.repository.dir)).get(from.branch);
      const base = (await listHeads(repository.dir)).get(input.base);
      if (headSha === undefined || base === undefined)
        throw new ApiError(422, "Validation Failed: head or base is invalid");
      const same = (pull: PullRequest): boolean =>
        pull.state === "open" &&
        pull.base === input.base &&
        pull.from.repository === from.repository &&
        pull.from.branch === from.branch;
      if (repository.pulls.some(same))
        throw new ApiError(422, `Validation Failed: A pull request already exists for ${input.head}.`);
      if (from.repository === repository && (await containsCommit(repository.dir, base, headSha)))
        throw new ApiError(422, `Validation Failed: No commits between ${input.base} and ${input.head}`);
      const { title, body = "", draft = false } = input;
      const pull = openPull(world, repository, {
        from,
        base: input.base,
        author: token.user,
        title,
        body,
        draft,
        headSha,
      });
      return c.json(await pullJson(repository, pull, base, originOf(c)), 201);
    }),
  );

  app.get("/repos/:owner/:repo/pulls/:number", (c) =>
    atRepository(world, c, "read", async ({ repository }) => {
      const pull = pullOf(repository, c.req.param("number"));
      return c.json(await pullJson(repository, pull, await baseSha(repository, pull), originOf(c)));
    }),
  );

  app.patch("/repos/:owner/:repo/pulls/:number", (c) =>
    atRepository(world, c, "write", async ({ repository }) => {
      const pull = pullOf(repository, c.req.param("number"));
      const input = await bodyOf(c, change);
      pull.title = input.title ?? pull.title;
      pull.body = input.body ?? pull.body;
      if (input.state !== undefined && pull.state !== "merged") pull.state = input.state;
      pull.updatedAt = world.clock.now();
      world.changed(repository, pull, input.state === "closed" ? "closed" : "edited");
      return c.json(await pullJson(repository, pull, await baseSha(repository, pull), originOf(c)));
    }),
  );

  app.get("/repos/:owner/:repo/pulls/:number/files", (c) =>
    atRepository(world, c, "read", async ({ repository }) => {
      const pull = pullOf(repository, c.req.param("number"));
      const files = await changedFiles(repository.dir, pull.base, pull.headSha);
      const page = pageOf(files, c.req.url);
      const json = page.items.map(({ path, patch }) => ({ filename: path, status: "modified", patch }));
      return c.json(json, 200, page.headers);
    }),
  );
  return app;
}
