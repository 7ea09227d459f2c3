import { type Context, Hono } from "hono";
import { z } from "zod";
import { changedFiles, mergeBase } from "../git/bare.ts";
import { type Asked, pullOf } from "../http/access.ts";
import { ApiError } from "../http/api-error.ts";
import { bodyOf } from "../http/body.ts";
import { pageOf } from "../http/pages.ts";
import { addNote, addReply, addThread, settleThread } from "../model/talk.ts";
import type { PullRequest, Repository, Thread } from "../model/types.ts";
import type { World } from "../model/world.ts";
import { atProject } from "./at.ts";
import { discussionJson, noteJson } from "./render.ts";

const position = z.object({
  position_type: z.enum(["text", "file"]),
  new_path: z.string(),
  new_line: z.int().optional(),
  old_line: z.int().optional(),
});
const discussion = z.object({ body: z.string().min(1), position: position.optional() });
const resolution = z.object({ resolved: z.boolean() });
const reply = z.object({ body: z.string().min(1) });

const baseOf = async (repository: Repository, pull: PullRequest): Promise<string> =>
  (await mergeBase(repository.dir, pull.base, pull.headSha)) ?? pull.headSha;

/** A place is a line of the diff, and an unchanged line is named by both of its numbers. */
async function checkPlace(
  repository: Repository,
  pull: PullRequest,
  at: z.infer<typeof position>,
): Promise<void> {
  const files = await changedFiles(repository.dir, pull.base, pull.headSha);
  const file = files.find(({ path }) => path === at.new_path);
  const bad = new ApiError(400, 'Bad request - Note {:line_code=>["can\'t be blank"]}');
  if (file === undefined) throw bad;
  if (at.position_type === "file") return;
  let [oldLine, newLine, found] = [0, 0, false];
  for (const row of file.patch.split("\n")) {
    const hunk = /^@@ -(\d+)[^+]*\+(\d+)/.exec(row);
    if (hunk !== null) {
      [oldLine, newLine] = [Number(hunk[1]), Number(hunk[2])];
      continue;
    }
    if (row.startsWith("+")) found ||= newLine === at.new_line && at.old_line === undefined;
    if (row.startsWith(" ")) found ||= newLine === at.new_line && oldLine === at.old_line;
    if (row.startsWith("+") || row.startsWith(" ")) newLine += 1;
    if (row.startsWith("-") || row.startsWith(" ")) oldLine += 1;
  }
  if (!found) throw bad;
}

export function discussionRoutes(world: World): Hono {
  const app = new Hono();
  const prefix = "/projects/:id/merge_requests/:iid";

  /** The thread that a route's path names. */
  const threadOf = (c: Context, { repository }: Asked): { pull: PullRequest; thread: Thread } => {
    const pull = pullOf(repository, c.req.param("iid") ?? "");
    const thread = pull.threads.find(({ id }) => id === c.req.param("discussion"));
    if (thread === undefined) throw new ApiError(404, "Discussion Not Found");
    return { pull, thread };
  };

  app.get(`${prefix}/discussions`, (c) =>
    atProject(world, c, "read", async ({ repository }) => {
      const pull = pullOf(repository, c.req.param("iid"));
      const base = await baseOf(repository, pull);
      const single = [...pull.notes, ...pull.reviews].map((note) => ({
        id: `note_${note.id}`,
        individual_note: true,
        notes: [noteJson(note, null, base)],
      }));
      const all = [...single, ...pull.threads.map((thread) => discussionJson(thread, base))];
      const page = pageOf(all, c.req.url);
      return c.json(page.items, 200, page.headers);
    }),
  );

  app.get(`${prefix}/discussions/:discussion`, (c) =>
    atProject(world, c, "read", async (asked) => {
      const { pull, thread } = threadOf(c, asked);
      return c.json(discussionJson(thread, await baseOf(asked.repository, pull)));
    }),
  );

  app.post(`${prefix}/discussions`, (c) =>
    atProject(world, c, "read", async ({ repository, token }) => {
      const pull = pullOf(repository, c.req.param("iid"));
      const input = await bodyOf(c, discussion);
      if (input.position !== undefined) await checkPlace(repository, pull, input.position);
      const thread = addThread(world, repository, pull, {
        author: token.user,
        body: input.body,
        path: input.position?.new_path ?? null,
        line: input.position?.new_line ?? null,
      });
      return c.json(discussionJson(thread, await baseOf(repository, pull)), 201);
    }),
  );

  app.post(`${prefix}/discussions/:discussion/notes`, (c) =>
    atProject(world, c, "read", async (asked) => {
      const { pull, thread } = threadOf(c, asked);
      const { body } = await bodyOf(c, reply);
      const at = { repository: asked.repository, pull, thread };
      const note = addReply(world, at, { author: asked.token.user, body });
      return c.json(noteJson(note, thread, await baseOf(asked.repository, pull)), 201);
    }),
  );

  app.put(`${prefix}/discussions/:discussion`, (c) =>
    atProject(world, c, "write", async (asked) => {
      const { pull, thread } = threadOf(c, asked);
      const resolved = c.req.query("resolved") ?? (await bodyOf(c, resolution)).resolved;
      settleThread(world, { repository: asked.repository, pull, thread }, String(resolved) === "true");
      return c.json(discussionJson(thread, await baseOf(asked.repository, pull)));
    }),
  );

  app.post(`${prefix}/notes`, (c) =>
    atProject(world, c, "read", async ({ repository, token }) => {
      const pull = pullOf(repository, c.req.param("iid"));
      const { body } = await bodyOf(c, reply);
      const note = addNote(world, repository, pull, { author: token.user, body });
      return c.json(noteJson(note, null, await baseOf(repository, pull)), 201);
    }),
  );
  return app;
}
