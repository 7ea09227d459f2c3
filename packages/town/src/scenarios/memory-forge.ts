/**
 * A forge in memory for scenarios: every pull request is green, unless a scenario says otherwise. It
 * shows the head that the town knows, until a person pushes another.
 */
import type { CheckRun, ForgeError, PullRequest, PullRequestSignals, ReviewThread } from "@gastown/protocol";
import type { Sql } from "../kernel/sql.ts";
import type { ForgeAnswer } from "../reviews/forge-effects.ts";
import type { EffectAnswer } from "../town.ts";
import { harness, outcome, PERSON, type Harness } from "./harness.ts";

type MergeResult = Extract<ForgeAnswer, { of: "merge" }>["result"];

export interface Pull {
  pr: PullRequest;
  signals: PullRequestSignals;
  /** A head that somebody else pushed; null: the one that the town knows. */
  pushed: string | null;
  contained: boolean | null;
}

interface MemoryForge {
  pulls: Pull[];
  /** The pull request of a branch, by the title that it was opened with. */
  pull(title: string): Pull;
  /** How the next polls fail; null: they do not. */
  error: ForgeError | null;
  polls: number;
  /** What merges answer instead of landing. */
  mergeAnswer: MergeResult | null;
  merges: { url: string; headSha: string; method: string }[];
  reviews: { body: string; comments: readonly { path: string; body: string }[] }[];
  logs: { name: string; text: string }[];
  /** Pull requests are opened without any check. */
  none: boolean;
  /** Merges that were asked for although the last reading that was given out was not green. */
  wrongMerges: string[];
}

export interface ForgeHarness extends Harness {
  forge: MemoryForge;
}

export const check = (name: string, state: CheckRun["state"]): CheckRun => ({
  name,
  state,
  url: null,
  summary: null,
});

export const thread = (id: string, body: string, more: Partial<ReviewThread> = {}): ReviewThread => ({
  id,
  resolved: false,
  outdated: false,
  path: "src/a.ts",
  line: 3,
  comments: [
    {
      id: `${id}-1`,
      author: "ann",
      author_kind: "person",
      can_write: true,
      body,
      at: "2026-01-01T00:00:00Z",
    },
  ],
  ...more,
});

export const http = (
  status: number | null,
  more: Partial<Extract<ForgeError, { kind: "http_error" }>> = {},
): ForgeError => ({
  kind: "http_error",
  provider: "github",
  status,
  status_text: "",
  transient: status === null || status >= 500 || status === 429,
  ...more,
});

export function checksOf(pull: Pull, items: CheckRun[]): void {
  pull.signals.checks = { state: "known", head_sha: pull.pr.head_sha, items };
}
export function threadsOf(pull: Pull, unresolved: ReviewThread[]): void {
  pull.signals.threads = { state: "known", unresolved };
}

/** A town whose rig is on GitHub, with pull requests, no reviewer, and merging at once where green. */
export function forgeHarness(sql: Sql, review: Record<string, unknown> = {}): ForgeHarness {
  const h = harness(sql, { gitUrl: "https://github.com/acme/app.git" });
  h.town.setRigConfig(
    h.rig,
    {
      merge_strategy: "pr",
      review: { code_review: false, auto_merge_delay_minutes: 0, auto_resolve_feedback: false, ...review },
    },
    PERSON,
  );
  return Object.assign(h, { forge: install(h) });
}

function install(h: Harness): MemoryForge {
  const forge: MemoryForge = {
    pulls: [],
    pull(title) {
      const found = forge.pulls.find(({ pr }) => pr.title === title);
      if (!found) throw new Error(`no pull request called ${title}`);
      return found;
    },
    error: null,
    polls: 0,
    mergeAnswer: null,
    merges: [],
    reviews: [],
    logs: [],
    none: false,
    wrongMerges: [],
  };
  const shown = new Map<string, Shown>();
  const byUrl = (url: string): Pull => {
    const found = forge.pulls.find(({ pr }) => pr.url === url);
    if (!found) throw new Error(`no pull request at ${url}`);
    return found;
  };
  const answer = (value: ForgeAnswer): EffectAnswer => ({ type: "forge", answer: value });

  h.on.open_pull_request = ({ rig, branch, target, headSha, title }) => {
    const repository = rig.git_url.replace(/\.git$/, "");
    // The ids of these towns are alike, and so may branches of two beads be; titles are not.
    const there = forge.pulls.find(
      ({ pr }) =>
        pr.url.startsWith(`${repository}/`) && pr.head === branch && pr.base === target && pr.title === title,
    );
    const pull =
      there ?? greenPull(`${repository}/pull/${forge.pulls.length + 1}`, { branch, target, headSha, title });
    if (!there) forge.pulls.push(pull);
    if (forge.none) checksOf(pull, []);
    return answer({ of: "open", result: { kind: "ok", pr: { ...pull.pr } } });
  };
  h.on.poll_pull_request = ({ url, asked, wantLogs }) => {
    forge.polls++;
    const about = { of: "poll", asked, contained: null, logs: [] } as const;
    if (forge.error) return answer({ ...about, reading: { outcome: forge.error, signals: null } });
    const pull = byUrl(url);
    follow(pull, pull.pr.state === "open" ? (pull.pushed ?? asked.head) : pull.pr.head_sha);
    const { pr } = pull;
    const signals = pr.state === "open" ? pull.signals : null;
    shown.set(url, { pr: { ...pr }, signals: JSON.stringify(signals) });
    return answer({
      of: "poll",
      asked,
      reading: { outcome: { kind: "ok", pr: { ...pr } }, signals },
      contained: pr.state === "merged" ? pull.contained : null,
      logs: wantLogs ? forge.logs : [],
    });
  };
  h.on.merge_pull_request = ({ url, headSha, method, withdrawn }) => {
    if (withdrawn) return answer({ of: "merge", result: { kind: "withdrawn" } });
    forge.merges.push({ url, headSha, method });
    const why = notGreen(shown.get(url), headSha);
    if (why !== null) forge.wrongMerges.push(`${url} at ${headSha}: ${why}`);
    if (forge.mergeAnswer) return answer({ of: "merge", result: forge.mergeAnswer });
    const pull = byUrl(url);
    const commit = pull.pr.merge_commit ?? h.sha();
    Object.assign(pull.pr, {
      state: "merged",
      merge_commit: commit,
      merged_by: "gastown",
      head_sha: headSha,
    });
    return answer({ of: "merge", result: { kind: "landed", pr: { ...pull.pr }, commit } });
  };
  h.on.post_review = ({ body, comments }) => {
    forge.reviews.push({ body, comments });
    return answer({ of: "review", problem: null });
  };
  h.on.update_branch = ({ body }) => {
    for (const pull of forge.pulls) if (pull.pr.head === body.branch) pull.pr.mergeable = "clean";
    return outcome({ outcome: "branch_updated", head: h.sha() });
  };
  return forge;
}

interface Shown {
  pr: PullRequest;
  /** As JSON: what was given out, whatever changes later. */
  signals: string;
}

/** The forge's own idea of green, which knows nothing of the town's. */
function notGreen(shown: Shown | undefined, headSha: string): string | null {
  if (!shown) return "never read";
  const { pr, signals } = shown;
  if (pr.head_sha !== headSha) return "another head";
  if (pr.state !== "open" || pr.draft) return "not open, or a draft";
  if (!["clean", "has_hooks", "unstable"].includes(pr.mergeable)) return pr.mergeable;
  if (/"state":"(unknown|pending|failure)"/.test(signals)) return "a signal is unknown, pending or red";
  if (!signals.includes('"unresolved":[]')) return "a thread";
  return /"decision":"(approved|none)"/.test(signals) ? null : "no approval";
}

/** The forge's signals are of the head that it shows. */
function follow(pull: Pull, head: string): void {
  pull.pr.head_sha = head;
  if (pull.signals.checks.state === "known") pull.signals.checks.head_sha = head;
}

function greenPull(
  url: string,
  opened: { branch: string; target: string; headSha: string; title: string },
): Pull {
  return {
    pr: {
      url,
      number: Number(url.split("/").at(-1)),
      state: "open",
      draft: false,
      mergeable: "clean",
      head_sha: opened.headSha,
      head: opened.branch,
      from_fork: false,
      base: opened.target,
      title: opened.title,
      author: "gastown",
      merge_commit: null,
      merged_by: null,
    },
    signals: {
      threads: { state: "known", unresolved: [] },
      checks: { state: "known", head_sha: opened.headSha, items: [check("ci", "success")] },
      approval: { state: "known", decision: "none" },
    },
    pushed: null,
    contained: true,
  };
}
