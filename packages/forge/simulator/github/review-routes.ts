import { Hono } from "hono";
import { z } from "zod";
import { changedFiles } from "../git/bare.ts";
import { pullOf } from "../http/access.ts";
import { ApiError } from "../http/api-error.ts";
import { bodyOf } from "../http/body.ts";
import { pageOf } from "../http/pages.ts";
import { addReview, addThread } from "../model/talk.ts";
import type { PullRequest, Repository } from "../model/types.ts";
import type { World } from "../model/world.ts";
import { atRepository } from "./at.ts";
import { commentJson, reviewJson } from "./render.ts";

const inline = z.object({ path: z.string(), line: z.int().min(1), body: z.string().min(1) });
const review = z.object({
  event: z.enum(["COMMENT", "APPROVE", "REQUEST_CHANGES"]),
  body: z.string().default(""),
  comments: z.array(inline).default([]),
});
const comment = z.object({
  path: z.string(),
  body: z.string().min(1),
  line: z.int().min(1).optional(),
  subject_type: z.enum(["line", "file"]).default("line"),
});
const STATES = { COMMENT: "COMMENTED", APPROVE: "APPROVED", REQUEST_CHANGES: "CHANGES_REQUESTED" } as const;

/** GitHub takes comments only on what the diff shows: its new and its unchanged lines. */
async function checkPlaces(
  repository: Repository,
  pull: PullRequest,
  places: readonly { path: string; line: number | null }[],
): Promise<void> {
  if (places.length === 0) return;
  const files = await changedFiles(repository.dir, pull.base, pull.headSha);
  for (const { path, line } of places) {
    const file = files.find((one) => one.path === path);
    if (file === undefined) throw new ApiError(422, "Unprocessable Entity: Path could not be resolved");
    if (line !== null && !shows(file.patch, line))
      throw new ApiError(422, "Unprocessable Entity: Line could not be resolved");
  }
}

function shows(patch: string, wanted: number): boolean {
  return patch.split(/^(?=@@ )/m).some((hunk) => {
    const start = Number(/^@@ [^+]*\+(\d+)/.exec(hunk)?.[1]);
    const rows = hunk
      .split("\n")
      .slice(1)
      .filter((row) => row.startsWith("+") || row.startsWith(" "));
    return wanted >= start && wanted < start + rows.length;
  });
}

export function reviewRoutes(world: World): Hono {
  const app = new Hono();

  app.get("/repos/:owner/:repo/pulls/:number/reviews", (c) =>
    atRepository(world, c, "read", ({ repository }) => {
      const page = pageOf(pullOf(repository, c.req.param("number")).reviews, c.req.url);
      return c.json(page.items.map(reviewJson), 200, page.headers);
    }),
  );

  app.post("/repos/:owner/:repo/pulls/:number/reviews", (c) =>
    atRepository(world, c, "read", async ({ repository, token }) => {
      const pull = pullOf(repository, c.req.param("number"));
      const input = await bodyOf(c, review);
      const author = token.user;
      if (input.event !== "COMMENT" && author === pull.author)
        throw new ApiError(422, "Can not approve your own pull request");
      await checkPlaces(repository, pull, input.comments);
      const said = { author, body: input.body, state: STATES[input.event] };
      const written = addReview(world, repository, pull, said);
      for (const { path, line, body } of input.comments)
        addThread(world, repository, pull, { author, body, path, line, reviewId: written.id });
      return c.json(reviewJson(written));
    }),
  );

  app.get("/repos/:owner/:repo/pulls/:number/comments", (c) =>
    atRepository(world, c, "read", ({ repository }) => {
      const pull = pullOf(repository, c.req.param("number"));
      const all = pull.threads.flatMap((thread) => thread.notes.map((note) => commentJson(thread, note)));
      const page = pageOf(all, c.req.url);
      return c.json(page.items, 200, page.headers);
    }),
  );

  app.post("/repos/:owner/:repo/pulls/:number/comments", (c) =>
    atRepository(world, c, "read", async ({ repository, token }) => {
      const pull = pullOf(repository, c.req.param("number"));
      const { path, body, line: given, subject_type } = await bodyOf(c, comment);
      const line = subject_type === "file" ? null : (given ?? null);
      await checkPlaces(repository, pull, [{ path, line }]);
      const thread = addThread(world, repository, pull, { author: token.user, body, path, line });
      const [note] = thread.notes;
      return c.json(note === undefined ? {} : commentJson(thread, note), 201);
    }),
  );
  return app;
}
