/** What a forge keeps of one pull request, and the rules of its repository. */
import type { History } from "../world/history.ts";
import type { Remote } from "../world/remote.ts";

interface Thread {
  readonly id: string;
  resolved: boolean;
}

export interface Pull {
  readonly url: string;
  readonly number: number;
  readonly rigId: string;
  readonly branch: string;
  readonly base: string;
  readonly title: string;
  state: "open" | "merged" | "closed";
  draft: boolean;
  /** Follows the branch while it is open. */
  head: string;
  readonly threads: Thread[];
  approved: boolean;
  changesRequested: boolean;
  mergeCommit: string | null;
  mergedBy: string | null;
}

export interface Rules {
  needsApproval: boolean;
  /** A branch that lacks the target's newest commits may not be merged. */
  strict: boolean;
  hasChecks: boolean;
}

/** Follows its branch: one that is gone closes it, one whose commits went in another way has merged it. */
export function refresh(pull: Pull, remote: Remote, history: History): void {
  if (pull.state !== "open") return;
  const head = remote.branch(pull.branch);
  const base = remote.branch(pull.base);
  if (head === null || base === null) {
    pull.state = "closed";
    return;
  }
  pull.head = head;
  if (!history.contains(base, head)) return;
  pull.state = "merged";
  pull.mergeCommit = base;
  pull.mergedBy = "somebody";
}

/** Puts its head into its base, as a merge or as one commit without any trailer; what is there afterwards. */
export function land(pull: Pull, remote: Remote, method: string, by: string): string {
  const { history } = remote;
  const base = remote.branch(pull.base) ?? pull.head;
  const red = history.get(pull.head).red || history.get(base).red;
  const files = [...new Set(history.beyond(pull.head, base).flatMap((commit) => commit.files))];
  const squashed = method === "squash" || method === "rebase";
  const commit = history.commit({
    parents: squashed ? [base] : [base, pull.head],
    files: squashed ? files : [],
    red,
    trailer: null,
    by: "forge",
  });
  remote.swap(`refs/heads/${pull.base}`, base, commit);
  pull.state = "merged";
  pull.mergeCommit = commit;
  pull.mergedBy = by;
  return commit;
}
