import { addReply, findThread, settleThread } from "../../model/talk.ts";
import type { PullRequest, Repository, Thread, Token } from "../../model/types.ts";
import { accessOf, allows, type World } from "../../model/world.ts";
import { commentNode, failing, threadNode } from "./nodes.ts";

type At = { repository: Repository; pull: PullRequest; thread: Thread };

export function mutations(world: World, token: Token): object {
  const at = (id: string): At => {
    const found = findThread(world.repositories, id);
    const access = found === null ? null : accessOf(found.repository, token);
    if (found === null || access === null)
      throw failing("NOT_FOUND", `Could not resolve to a node with the global id of '${id}'`);
    if (!allows(access, "write")) throw failing("FORBIDDEN", "Resource not accessible by this token");
    return found;
  };
  return {
    addPullRequestReviewThreadReply({
      input,
    }: {
      input: { pullRequestReviewThreadId: string; body: string };
    }) {
      const found = at(input.pullRequestReviewThreadId);
      const note = addReply(world, found, { author: token.user, body: input.body });
      return { comment: commentNode(found.repository, note) };
    },
    resolveReviewThread({ input }: { input: { threadId: string } }) {
      const found = at(input.threadId);
      settleThread(world, found, true);
      return { thread: threadNode(found.repository, found.pull, found.thread) };
    },
  };
}
