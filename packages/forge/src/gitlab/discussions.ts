/** Discussions that can be resolved, and what is written into them. */
import { limits, type ReviewThread } from "@gastown/protocol";
import { z } from "zod";
import { errorOf } from "../failure.ts";
import { hasMarker, withMarker } from "../review/marker.ts";
import { commentBody } from "../review/text.ts";
import { parsed } from "../transport/parse.ts";
import { ALL, type GitLabCall } from "./call.ts";

const note = z.object({
  id: z.int(),
  body: z.string(),
  created_at: z.string(),
  system: z.boolean(),
  resolvable: z.boolean(),
  resolved: z.boolean().optional(),
  author: z.object({ id: z.int(), username: z.string() }),
  position: z
    .object({
      head_sha: limits.sha.nullish(),
      new_path: z.string().nullish(),
      old_path: z.string().nullish(),
      new_line: z.int().nullish(),
      old_line: z.int().nullish(),
    })
    .nullish(),
});
const discussion = z.object({ id: z.string(), notes: z.array(note).min(1) });
export type Discussion = z.infer<typeof discussion>;
type Note = z.infer<typeof note>;

/** Developers and those above them may push. */
const DEVELOPER = 30;
/** How GitLab names the users of access tokens; of all others it does not say whether they are people. */
const TOKEN_USER = /^(project|group)_\d+_bot/;

export async function readDiscussions(call: GitLabCall, iid: number): Promise<Discussion[]> {
  const data: unknown = await call.discussions.all(call.project, iid, ALL);
  return parsed("gitlab", z.array(discussion), data);
}

/** Who of these authors may write; null where GitLab does not tell. */
async function writers(call: GitLabCall, authors: ReadonlySet<number>): Promise<Map<number, boolean> | null> {
  if (authors.size === 0) return new Map();
  const member = z.object({ id: z.int(), access_level: z.int() });
  try {
    const asked = { includeInherited: true, userIds: [...authors], ...ALL };
    const data: unknown = await call.members.all(call.project, asked);
    const levels = new Map<number, number>();
    for (const { id, access_level } of parsed("gitlab", z.array(member), data))
      levels.set(id, Math.max(access_level, levels.get(id) ?? 0));
    return new Map([...authors].map((id) => [id, (levels.get(id) ?? 0) >= DEVELOPER]));
  } catch (thrown) {
    errorOf(thrown);
    return null;
  }
}

/** Resolved when all of it that can be resolved is. */
function isResolved({ notes }: Discussion): boolean {
  return notes.filter(({ resolvable }) => resolvable).every(({ resolved }) => resolved === true);
}

const isThread = ({ notes }: Discussion): boolean =>
  notes.some(({ resolvable, system }) => resolvable && !system);

export async function readThreads(call: GitLabCall, iid: number, headSha: string): Promise<ReviewThread[]> {
  const threads = (await readDiscussions(call, iid)).filter(isThread);
  const authors = new Set(
    threads.filter((one) => !isResolved(one)).flatMap(({ notes }) => notes.map(({ author }) => author.id)),
  );
  const may = await writers(call, authors);
  const commentOf = (said: Note): ReviewThread["comments"][number] => ({
    id: String(said.id),
    author: said.author.username,
    author_kind: TOKEN_USER.test(said.author.username) ? "bot" : "unknown",
    can_write: may?.get(said.author.id) ?? null,
    body: commentBody(said.body),
    at: said.created_at,
  });
  return threads.map((thread): ReviewThread => {
    const position = thread.notes.find((one) => one.position)?.position;
    return {
      id: thread.id,
      resolved: isResolved(thread),
      outdated: position?.head_sha !== undefined && position.head_sha !== headSha,
      path: position?.new_path ?? position?.old_path ?? null,
      line: position?.new_line ?? position?.old_line ?? null,
      comments: thread.notes.filter(({ system }) => !system).map(commentOf),
    };
  });
}

export interface ThreadAt {
  readonly iid: number;
  readonly threadId: string;
}

/** The discussion of that merge request; GitLab has no other by that path. */
async function readOne(call: GitLabCall, at: ThreadAt): Promise<Discussion> {
  const data: unknown = await call.discussions.show(call.project, at.iid, at.threadId);
  return parsed("gitlab", discussion, data);
}

/** False: it was there already. */
export async function replyToThread(
  call: GitLabCall,
  at: ThreadAt,
  input: { marker: string; body: string },
): Promise<boolean> {
  const { notes } = await readOne(call, at);
  if (notes.some(({ body }) => hasMarker(body, input.marker))) return false;
  const text = withMarker(input.body, input.marker);
  await call.discussions.addNote(call.project, at.iid, at.threadId, text);
  return true;
}

export async function resolveThread(call: GitLabCall, at: ThreadAt): Promise<void> {
  if (isResolved(await readOne(call, at))) return;
  await call.discussions.resolve(call.project, at.iid, at.threadId, true);
}
