/** Review threads with all their comments, and what is written into them. */
import type { ReviewThread } from "@gastown/protocol";
import { z } from "zod";
import { ForgeFailure } from "../failure.ts";
import { hasMarker, withMarker } from "../review/marker.ts";
import { commentBody } from "../review/text.ts";
import { sameProject } from "../urls/repository-url.ts";
import type { GitHubCall } from "./call.ts";

const pageInfo = z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() });
const comment = z.object({
  id: z.string(),
  body: z.string(),
  createdAt: z.string(),
  authorAssociation: z.string(),
  author: z.object({ __typename: z.string(), login: z.string() }).nullable(),
});
const comments = z.object({ pageInfo, nodes: z.array(comment) });
const threadPage = z.object({
  repository: z.object({
    pullRequest: z.object({
      reviewThreads: z.object({
        pageInfo,
        nodes: z.array(
          z.object({
            id: z.string(),
            isResolved: z.boolean(),
            isOutdated: z.boolean(),
            path: z.string(),
            line: z.int().nullable(),
            originalLine: z.int().nullable(),
            comments,
          }),
        ),
      }),
    }),
  }),
});
const oneThread = z.object({
  isResolved: z.boolean(),
  pullRequest: z.object({ number: z.int(), repository: z.object({ nameWithOwner: z.string() }) }),
  comments,
});
const node = z.object({ node: z.union([oneThread, z.object({ __typename: z.string() })]).nullable() });

type Comment = z.infer<typeof comment>;
type OneThread = z.infer<typeof oneThread>;

const KINDS = new Map<string, "person" | "bot">([
  ["User", "person"],
  ["EnterpriseUserAccount", "person"],
  ["Mannequin", "person"],
  ["Bot", "bot"],
]);
/** A member or collaborator may have been given reading only: that is not told here. */
const CAN_WRITE = new Map<string, boolean | null>([
  ["OWNER", true],
  ["CONTRIBUTOR", false],
  ["FIRST_TIMER", false],
  ["FIRST_TIME_CONTRIBUTOR", false],
  ["MANNEQUIN", false],
  ["NONE", false],
]);

const commentOf = (said: Comment): ReviewThread["comments"][number] => ({
  id: said.id,
  author: said.author?.login ?? "ghost",
  author_kind: KINDS.get(said.author?.__typename ?? "") ?? "unknown",
  can_write: CAN_WRITE.get(said.authorAssociation) ?? null,
  body: commentBody(said.body),
  at: said.createdAt,
});

export interface ThreadAt {
  readonly number: number;
  readonly threadId: string;
}

/** What a cursor promises and does not hold would be read for ever. */
function nextCursor(page: z.infer<typeof pageInfo>): string | null {
  if (!page.hasNextPage) return null;
  if (page.endCursor !== null) return page.endCursor;
  throw new ForgeFailure({
    kind: "invalid_response",
    provider: "github",
    reason: "schema_mismatch",
    sample_keys: ["hasNextPage", "endCursor"],
  });
}

export async function readThreads(call: GitHubCall, number: number): Promise<ReviewThread[]> {
  const threads: ReviewThread[] = [];
  let after: string | null = null;
  do {
    const variables: Record<string, unknown> = { ...call.at, number, after };
    const page = await call.graphql(threadPage, "threads", variables);
    const { reviewThreads } = page.repository.pullRequest;
    for (const thread of reviewThreads.nodes) {
      const more = nextCursor(thread.comments.pageInfo);
      const rest = more === null ? [] : (await readThread(call, { number, threadId: thread.id }, more)).said;
      threads.push({
        id: thread.id,
        resolved: thread.isResolved,
        outdated: thread.isOutdated,
        path: thread.path,
        line: thread.line ?? thread.originalLine,
        comments: [...thread.comments.nodes, ...rest].map(commentOf),
      });
    }
    after = nextCursor(reviewThreads.pageInfo);
  } while (after !== null);
  return threads;
}

/** One thread by its id, which must belong to that pull request, with all comments after `from`. */
async function readThread(
  call: GitHubCall,
  at: ThreadAt,
  from: string | null = null,
): Promise<{ resolved: boolean; said: Comment[] }> {
  const said: Comment[] = [];
  let resolved = false;
  let after: string | null = from;
  do {
    const found: OneThread = await threadNode(call, at, after);
    said.push(...found.comments.nodes);
    resolved = found.isResolved;
    after = nextCursor(found.comments.pageInfo);
  } while (after !== null);
  return { resolved, said };
}

async function threadNode(call: GitHubCall, at: ThreadAt, after: string | null): Promise<OneThread> {
  const found = (await call.graphql(node, "thread", { id: at.threadId, after })).node;
  const here = `${call.at.owner}/${call.at.repo}`;
  if (
    found !== null &&
    "pullRequest" in found &&
    found.pullRequest.number === at.number &&
    sameProject(found.pullRequest.repository.nameWithOwner, here)
  )
    return found;
  throw new ForgeFailure({
    kind: "http_error",
    provider: "github",
    status: 404,
    status_text: "no such thread in this pull request",
    transient: false,
  });
}

/** False: it was there already. */
export async function replyToThread(
  call: GitHubCall,
  at: ThreadAt,
  input: { marker: string; body: string },
): Promise<boolean> {
  const { said } = await readThread(call, at);
  if (said.some(({ body }) => hasMarker(body, input.marker))) return false;
  const written = z.object({
    addPullRequestReviewThreadReply: z.object({ comment: z.object({ id: z.string() }) }),
  });
  await call.graphql(written, "reply", { thread: at.threadId, body: withMarker(input.body, input.marker) });
  return true;
}

export async function resolveThread(call: GitHubCall, at: ThreadAt): Promise<void> {
  if ((await threadNode(call, at, null)).isResolved) return;
  const resolved = z.object({
    resolveReviewThread: z.object({ thread: z.object({ isResolved: z.literal(true) }) }),
  });
  await call.graphql(resolved, "resolve", { thread: at.threadId });
}
