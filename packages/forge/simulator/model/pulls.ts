/** How pull requests follow their branches, and what may be merged. */
import { containsCommit, mergesCleanly } from "../git/bare.ts";
import { listHeads } from "../git/refs.ts";
import type { Check, PullRequest, Repository, Review, User } from "./types.ts";
import type { World } from "./world.ts";

/** A review counts until its author gives another opinion. */
export function opinions(pull: PullRequest): Review[] {
  const latest = new Map<number, Review>();
  for (const review of pull.reviews) if (review.state !== "COMMENTED") latest.set(review.author.id, review);
  return [...latest.values()];
}

function pushed(world: World, repository: Repository, pull: PullRequest, head: string): void {
  pull.headSha = head;
  pull.updatedAt = world.clock.now();
  for (const thread of pull.threads) if (thread.line !== null) thread.outdated = true;
  if (repository.protection.get(pull.base)?.dismissStale === true)
    for (const review of pull.reviews) if (review.state === "APPROVED") review.state = "DISMISSED";
  repository.program?.(head);
  world.changed(repository, pull, "synchronize");
}

/**
 * Takes in what happened to the branches since it was called last, by whichever way they were pushed:
 * heads move, approvals go stale, a deleted branch closes, and what landed by a push is merged.
 */
export async function syncPulls(world: World, repository: Repository): Promise<void> {
  const open = repository.pulls.filter((pull) => pull.state === "open");
  if (open.length === 0) return;
  const bases = await listHeads(repository.dir);
  for (const pull of open) {
    const { from } = pull;
    const heads = from.repository === repository ? bases : await listHeads(from.repository.dir);
    const head = heads.get(from.branch);
    const base = bases.get(pull.base);
    if (head === undefined || base === undefined) {
      pull.state = "closed";
      world.changed(repository, pull, "closed");
      continue;
    }
    if (head !== pull.headSha) pushed(world, repository, pull, head);
    if (from.repository === repository && (await containsCommit(repository.dir, base, head))) {
      pull.state = "merged";
      pull.mergeCommit = base;
      pull.mergedAt = world.clock.now();
      world.changed(repository, pull, "closed");
    }
  }
}

type CheckVerdict = "good" | "bad" | "pending";

function verdictOf(check: Check): CheckVerdict {
  if (check.status !== "completed") return "pending";
  if (check.allowFailure) return "good";
  return ["success", "neutral", "skipped"].includes(check.conclusion ?? "") ? "good" : "bad";
}

export interface Mergeability {
  conflicts: boolean;
  behind: boolean;
  /** Why a merge would be refused now; null: it would not. */
  blocked: "approvals" | "changes_requested" | "checks" | "behind" | null;
  /** Some check that nobody requires is not good. */
  unstable: boolean;
}

export async function mergeability(repository: Repository, pull: PullRequest): Promise<Mergeability> {
  const base = (await listHeads(repository.dir)).get(pull.base) ?? "";
  const clean = await mergesCleanly(repository.dir, base, pull.headSha);
  const behind = !(await containsCommit(repository.dir, pull.headSha, base));
  const rule = repository.protection.get(pull.base);
  const checks = repository.checks.get(pull.headSha) ?? [];
  const held = opinions(pull);
  const missing = (rule?.requiredChecks ?? []).some(
    (name) => !checks.some((check) => check.name === name && verdictOf(check) === "good"),
  );
  const approvals = held.filter(({ state }) => state === "APPROVED").length;
  const reviewed = rule !== undefined && rule.requiredApprovals > 0;
  const refused = held.some(({ state }) => state === "CHANGES_REQUESTED");
  const blocked =
    reviewed && refused
      ? "changes_requested"
      : approvals < (rule?.requiredApprovals ?? 0)
        ? "approvals"
        : missing
          ? "checks"
          : behind && rule?.upToDate === true
            ? "behind"
            : null;
  return {
    conflicts: !clean,
    behind,
    blocked,
    unstable: checks.some((check) => verdictOf(check) !== "good"),
  };
}

export function openPull(
  world: World,
  repository: Repository,
  input: {
    from: PullRequest["from"];
    base: string;
    author: User;
    title: string;
    body: string;
    draft: boolean;
    headSha: string;
  },
): PullRequest {
  const now = world.clock.now();
  const pull: PullRequest = {
    ...input,
    id: world.nextId(),
    number: Math.max(0, ...repository.pulls.map(({ number }) => number)) + 1,
    state: "open",
    mergeCommit: null,
    mergedBy: null,
    mergedAt: null,
    createdAt: now,
    updatedAt: now,
    reviews: [],
    threads: [],
    notes: [],
    saysMergeable: null,
  };
  repository.pulls.push(pull);
  repository.program?.(input.headSha);
  world.changed(repository, pull, "opened");
  return pull;
}
