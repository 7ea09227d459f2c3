/**
 * The hosting of all repositories (spec/review.md §4): pull requests that follow their branches, checks
 * that take their time, threads, approvals, and merges pinned to a head. It outlives every process.
 */
import type {
  ApprovalState,
  ForgeError,
  MergeableState,
  PullRequest,
  PullRequestMerge,
  PullRequestReading,
  PullRequestSignals,
} from "@gastown/protocol";
import type { Random } from "../kernel/random.ts";
import { MINUTE, SECOND } from "../kernel/timeline.ts";
import type { World } from "../world/world.ts";
import { land, refresh, type Pull, type Rules } from "./pulls.ts";

const TOWN_USER = "gastown";
type Checks = Extract<PullRequestSignals["checks"], { state: "known" }>["items"];

export class Forge {
  readonly pulls: Pull[] = [];
  readonly #world: World;
  readonly #random: Random;
  readonly #rules = new Map<string, Rules>();
  /** Everybody approves from now on. */
  #settled = false;
  readonly #checks = new Map<string, { until: number; red: boolean }>();
  /** What the town was told last of each, by its address: it may merge only what was green there. */
  readonly shown = new Map<string, PullRequestReading>();

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.fork("forge");
  }

  at(url: string): Pull {
    const pull = this.pulls.find((one) => one.url === url);
    if (!pull) throw new Error(`no pull request at ${url}`);
    refresh(pull, this.#world.remote(pull.rigId), this.#world.history);
    return pull;
  }

  open(): Pull[] {
    return this.pulls.filter((pull) => this.at(pull.url).state === "open");
  }

  ofBranch(rigId: string, branch: string): Pull[] {
    return this.open().filter((pull) => pull.rigId === rigId && pull.branch === branch);
  }

  rules(rigId: string): Rules {
    const known = this.#rules.get(rigId);
    if (known) return known;
    const random = this.#random.fork(rigId);
    const rules = {
      needsApproval: random.chance(0.3),
      strict: random.chance(0.3),
      hasChecks: random.chance(0.8),
    };
    this.#rules.set(rigId, rules);
    return rules;
  }

  /** A failure of the forge itself, before it does anything. */
  failure(): ForgeError | null {
    const { faults } = this.#world;
    const http = { kind: "http_error", provider: "github", status_text: "" } as const;
    if (faults.hit("forge_error")) return { ...http, status: 502, transient: true };
    if (faults.hit("forge_limited"))
      return {
        ...http,
        status: 403,
        transient: true,
        retry_after_ms: this.#random.between(1, 40) * MINUTE,
      };
    if (faults.hit("forge_forbidden")) return { ...http, status: 403, transient: false };
    if (faults.hit("forge_garbage"))
      return { kind: "invalid_response", provider: "github", reason: "json_parse", sample_keys: [] };
    return null;
  }

  /** Takes the one of that branch and target that is open, or one of exactly this head that has ended. */
  openPull(
    wish: Pick<Pull, "rigId" | "branch" | "base" | "title"> & { headSha: string },
  ): PullRequest | ForgeError {
    const { rigId, branch, base } = wish;
    const same = this.pulls.filter(
      (pull) => pull.rigId === rigId && pull.branch === branch && pull.base === base,
    );
    const there =
      same.find((pull) => this.at(pull.url).state === "open") ??
      same.find((pull) => pull.head === wish.headSha);
    if (there) return this.#view(there);
    const remote = this.#world.remote(rigId);
    const [head, target] = [remote.branch(branch), remote.branch(base)];
    if (head === null || target === null || this.#world.history.contains(target, head))
      return {
        kind: "http_error",
        provider: "github",
        status: 422,
        status_text: "no commits",
        transient: false,
      };
    const number = this.pulls.length + 1;
    const pull: Pull = {
      url: `https://github.com/acme/${rigId}/pull/${number}`,
      number,
      rigId,
      branch,
      base,
      title: wish.title,
      state: "open",
      draft: false,
      head,
      threads: [],
      approved: false,
      changesRequested: false,
      mergeCommit: null,
      mergedBy: null,
    };
    this.pulls.push(pull);
    return this.#view(pull);
  }

  read(url: string): PullRequestReading {
    const failed = this.failure();
    if (failed) return { outcome: failed, signals: null };
    const pull = this.at(url);
    return {
      outcome: { kind: "ok", pr: this.#view(pull) },
      signals: pull.state === "open" ? this.#signals(pull) : null,
    };
  }

  /** Merges exactly that head, or says why not. */
  merge(url: string, headSha: string, method: string): PullRequestMerge {
    const failed = this.failure();
    if (failed) return failed;
    const pull = this.at(url);
    if (pull.state === "merged") return { kind: "already", pr: this.#view(pull) };
    if (pull.state === "closed") return { kind: "closed" };
    const remote = this.#world.remote(pull.rigId);
    // Somebody is quicker: between the last reading and the merge.
    if (this.#world.faults.hit("forge_head_moved"))
      remote.touch(pull.branch, [this.#random.between(0, 23)], false);
    refresh(pull, remote, this.#world.history);
    if (pull.head !== headSha) return { kind: "head_moved", head: pull.head };
    const state = this.#mergeable(pull);
    if (state === "dirty" || state === "behind" || state === "blocked")
      return { kind: "not_mergeable", message: state };
    const commit = land(pull, remote, method, TOWN_USER);
    remote.merges.push({ head: headSha, target: pull.base, commit, judged: false });
    this.#world.note(() => `forge: ${pull.url} merged at ${headSha.slice(-4)}`);
    this.#world.pushed();
    return { kind: "merged", commit };
  }

  /** Whether the base has the commit that is named as the merge. */
  contains(pull: { base: string; merge_commit: string | null }, url: string): boolean | null {
    if (pull.merge_commit === null) return null;
    const target = this.#world.remote(this.at(url).rigId).branch(pull.base);
    return target !== null && this.#world.history.contains(target, pull.merge_commit);
  }

  /** A review by its marker: posted once, however often it is asked for. */
  postReview(url: string, marker: string, comments: number): void {
    const pull = this.at(url);
    for (let i = 0; i < comments; i++) {
      const id = `${marker}-${i}`;
      if (!pull.threads.some((thread) => thread.id === id)) pull.threads.push({ id, resolved: false });
    }
  }

  #view(pull: Pull): PullRequest {
    return {
      url: pull.url,
      number: pull.number,
      state: pull.state,
      draft: pull.draft,
      mergeable: pull.state === "open" ? this.#mergeable(pull) : "unknown",
      head_sha: pull.head,
      head: pull.branch,
      from_fork: false,
      base: pull.base,
      title: pull.title,
      author: TOWN_USER,
      merge_commit: pull.mergeCommit,
      merged_by: pull.mergedBy,
    };
  }

  #mergeable(pull: Pull): MergeableState {
    const { history, faults } = this.#world;
    const rules = this.rules(pull.rigId);
    const base = this.#world.remote(pull.rigId).branch(pull.base) ?? pull.head;
    if (faults.hit("forge_unknown")) return "unknown";
    if (pull.draft) return "blocked";
    if (history.conflicts(pull.head, base).length > 0) return "dirty";
    if (rules.strict && !history.contains(pull.head, base)) return "behind";
    if (!["none", "approved"].includes(this.#approval(pull))) return "blocked";
    return this.checks(pull).every(({ state }) => state === "success") ? "clean" : "unstable";
  }

  #approval(pull: Pull): ApprovalState {
    if (pull.changesRequested) return "changes_requested";
    if (this.#settled || !this.rules(pull.rigId).needsApproval) return "none";
    return pull.approved ? "approved" : "review_required";
  }

  /** Checks of a head begin when it is first seen. */
  checks(pull: Pull): Checks {
    if (!this.rules(pull.rigId).hasChecks) return [];
    const { time, faults, history } = this.#world;
    const known = this.#checks.get(pull.head) ?? {
      until: time.now + this.#random.skewed(30 * SECOND, 20 * MINUTE),
      red: history.get(pull.head).red || faults.hit("forge_check_red"),
    };
    this.#checks.set(pull.head, known);
    const state = time.now < known.until ? "pending" : known.red ? "failure" : "success";
    return [{ name: "ci", state, url: null, summary: null }];
  }

  #signals(pull: Pull): PullRequestSignals {
    const { faults } = this.#world;
    const unknown = { state: "unknown", why: "the answer broke off" } as const;
    const unresolved = pull.threads.filter((thread) => !thread.resolved);
    return {
      threads: faults.hit("forge_unknown")
        ? unknown
        : { state: "known", unresolved: unresolved.map(threadOf) },
      checks: faults.hit("forge_unknown")
        ? unknown
        : { state: "known", head_sha: pull.head, items: this.checks(pull) },
      approval: { state: "known", decision: this.#approval(pull) },
    };
  }

  /** People look through everything once more: approvals are given, drafts readied, checks run again. */
  settle(): void {
    this.#settled = true;
    for (const [sha, run] of this.#checks) run.red = this.#world.history.get(sha).red;
    for (const pull of this.pulls) {
      pull.draft = false;
      pull.changesRequested = false;
      for (const thread of pull.threads) thread.resolved = true;
    }
  }
}

type ReviewThread = Extract<PullRequestSignals["threads"], { state: "known" }>["unresolved"][number];

function threadOf({ id, resolved }: { id: string; resolved: boolean }): ReviewThread {
  const comment = {
    id: `${id}-1`,
    author: "ann",
    author_kind: "person",
    can_write: true,
    body: "Why?",
    at: "2026-01-01T00:00:00Z",
  } as const;
  return { id, resolved, outdated: false, path: "src/a.ts", line: 1, comments: [comment] };
}
