/** A git remote without hosting: no pull requests, and it says so. The runner asks git for all else. */
import { unsupported } from "../failure.ts";
import type { Forge } from "../forge.ts";

export function plainForge(): Forge {
  const refuse = (what: string) => async () => unsupported(what);
  return {
    kind: "git",
    repository: refuse("a plain git remote tells nothing of its repository"),
    openPullRequest: refuse("a plain git remote has no pull requests"),
    read: refuse("a plain git remote has no pull requests"),
    threads: refuse("a plain git remote has no review threads"),
    merge: refuse("a plain git remote has no pull requests"),
    postReview: refuse("a plain git remote has no reviews"),
    reply: refuse("a plain git remote has no review threads"),
    resolveThread: refuse("a plain git remote has no review threads"),
    createBranch: refuse("a plain git remote is reached by git only"),
    deleteBranch: refuse("a plain git remote is reached by git only"),
    readFile: refuse("a plain git remote is reached by git only"),
    contains: refuse("a plain git remote is reached by git only"),
    checkLog: refuse("a plain git remote has no checks"),
  };
}
