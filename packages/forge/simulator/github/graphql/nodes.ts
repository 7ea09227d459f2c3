/** GraphQL's objects, as plain values and functions that the reference implementation calls. */
import { GraphQLError } from "graphql";
import { opinions } from "../../model/pulls.ts";
import type { Note, PullRequest, Repository, Thread, User } from "../../model/types.ts";
import { allows } from "../../model/world.ts";
import { iso } from "../render.ts";

export const failing = (type: string, message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { type } });

interface Slice {
  first?: number | null;
  after?: string | null;
}

/** A page of a list. A cursor is the place after which it goes on. */
function connection<T>(all: readonly T[], { first, after }: Slice): object {
  if (first === undefined || first === null || first < 1 || first > 100)
    throw failing("EXCESSIVE_PAGINATION", "You must provide a `first` value between 1 and 100.");
  const start = after === undefined || after === null ? 0 : Number(atob(after));
  const nodes = all.slice(start, start + first);
  const end = start + nodes.length;
  return {
    totalCount: all.length,
    nodes,
    pageInfo: { hasNextPage: end < all.length, endCursor: nodes.length === 0 ? null : btoa(String(end)) },
  };
}

const actor = (user: User): object => ({
  __typename: user.kind === "bot" ? "Bot" : "User",
  login: user.login,
});

function association(repository: Repository, user: User): string {
  if (repository.path.split("/")[0]?.toLowerCase() === user.login.toLowerCase()) return "OWNER";
  return allows(repository.members.get(user.login) ?? null, "write") ? "COLLABORATOR" : "NONE";
}

export const commentNode = (repository: Repository, note: Note): object => ({
  __typename: "PullRequestReviewComment",
  id: `PRRC_${note.id}`,
  databaseId: note.id,
  body: note.body,
  createdAt: iso(note.at),
  author: actor(note.author),
  authorAssociation: association(repository, note.author),
});

export const threadNode = (repository: Repository, pull: PullRequest, thread: Thread): object => ({
  __typename: "PullRequestReviewThread",
  id: thread.id,
  isResolved: thread.resolved,
  isOutdated: thread.outdated,
  path: thread.path ?? "",
  line: thread.outdated ? null : thread.line,
  originalLine: thread.line,
  pullRequest: () => pullNode(repository, pull),
  comments: (slice: Slice) =>
    connection(
      thread.notes.map((note) => commentNode(repository, note)),
      slice,
    ),
});

function decision(repository: Repository, pull: PullRequest): string | null {
  const needed = repository.protection.get(pull.base)?.requiredApprovals ?? 0;
  if (needed === 0) return null;
  const states = opinions(pull).map(({ state }) => state);
  if (states.includes("CHANGES_REQUESTED")) return "CHANGES_REQUESTED";
  return states.filter((state) => state === "APPROVED").length >= needed ? "APPROVED" : "REVIEW_REQUIRED";
}

export const pullNode = (repository: Repository, pull: PullRequest): object => ({
  __typename: "PullRequest",
  number: pull.number,
  headRefOid: pull.headSha,
  repository: { nameWithOwner: repository.path },
  reviewDecision: decision(repository, pull),
  latestOpinionatedReviews: ({ writersOnly, ...slice }: Slice & { writersOnly?: boolean }) =>
    connection(
      opinions(pull)
        .filter(
          ({ author }) =>
            writersOnly !== true || allows(repository.members.get(author.login) ?? null, "write"),
        )
        .map(({ state, body, author, sha }) => ({
          state,
          body,
          author: actor(author),
          commit: { oid: sha },
        })),
      slice,
    ),
  reviewThreads: (slice: Slice) =>
    connection(
      pull.threads.map((thread) => threadNode(repository, pull, thread)),
      slice,
    ),
});
