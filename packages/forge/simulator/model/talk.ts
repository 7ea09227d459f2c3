/** What people and programs say on a pull request. */
import type { Note, PullRequest, Repository, Review, Thread, User } from "./types.ts";
import type { World } from "./world.ts";

function touch(world: World, repository: Repository, pull: PullRequest, what: string): void {
  pull.updatedAt = world.clock.now();
  world.changed(repository, pull, what);
}

export interface Said {
  readonly author: User;
  readonly body: string;
}

const noteOf = (world: World, { author, body }: Said): Note => ({
  id: world.nextId(),
  author,
  body,
  at: world.clock.now(),
});

export function addReview(
  world: World,
  repository: Repository,
  pull: PullRequest,
  said: Said & { state: Review["state"] },
): Review {
  const review: Review = { ...noteOf(world, said), state: said.state, sha: pull.headSha };
  pull.reviews.push(review);
  touch(world, repository, pull, "review");
  return review;
}

export function addThread(
  world: World,
  repository: Repository,
  pull: PullRequest,
  said: Said & { path: string | null; line: number | null; reviewId?: number },
): Thread {
  const note = noteOf(world, said);
  const thread: Thread = {
    id: `PRRT_${note.id}`,
    path: said.path,
    line: said.line,
    sha: pull.headSha,
    reviewId: said.reviewId ?? null,
    resolved: false,
    outdated: false,
    notes: [note],
  };
  pull.threads.push(thread);
  touch(world, repository, pull, "thread");
  return thread;
}

export function addReply(
  world: World,
  at: { repository: Repository; pull: PullRequest; thread: Thread },
  said: Said,
): Note {
  const note = noteOf(world, said);
  at.thread.notes.push(note);
  touch(world, at.repository, at.pull, "thread");
  return note;
}

export function addNote(world: World, repository: Repository, pull: PullRequest, said: Said): Note {
  const note = noteOf(world, said);
  pull.notes.push(note);
  touch(world, repository, pull, "comment");
  return note;
}

export function settleThread(
  world: World,
  at: { repository: Repository; pull: PullRequest; thread: Thread },
  resolved: boolean,
): void {
  at.thread.resolved = resolved;
  touch(world, at.repository, at.pull, "thread");
}

/** The thread of that id, wherever it is. */
export function findThread(
  repositories: readonly Repository[],
  id: string,
): { repository: Repository; pull: PullRequest; thread: Thread } | null {
  for (const repository of repositories)
    for (const pull of repository.pulls) {
      const thread = pull.threads.find((one) => one.id === id);
      if (thread !== undefined) return { repository, pull, thread };
    }
  return null;
}
