/** What people do with merge requests, and pull requests that they give to the town (spec/api.md §3.8). */
import { withSql } from "#host";
import type { PullRequest } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { PERSON } from "./harness.ts";
import { check, checksOf, forgeHarness, http, thread, threadsOf, type ForgeHarness } from "./memory-forge.ts";

const MINUTE = 60_000;
const HEAD = "a".repeat(40);
const NEW_TOKEN = [{ key: "github_token", sealed: "sealed", masked: "****" }] as const;
const thrown = (fn: () => unknown): unknown => {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};
function opened(sql: Parameters<typeof forgeHarness>[0], review: Record<string, unknown> = {}) {
  const h = forgeHarness(sql, { auto_merge_delay_minutes: 60, ...review });
  const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
  h.settle();
  return { h, bead };
}

describe("hold and release", () => {
  it("keeps it from landing, and the grace period begins anew", () =>
    withSql((sql) => {
      const { h, bead } = opened(sql);
      h.town.holdMerge(bead, PERSON);
      h.advance(120 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({
        state: "approved",
        held: "you",
        waitingOn: { code: "held" },
      });
      h.town.releaseMerge(bead, PERSON);
      h.settle();
      h.advance(60 * MINUTE - 1);
      expect(h.town.merge(bead).state).toBe("approved");
      h.advance(1);
      expect(h.town.merge(bead).state).toBe("merged");
    }));

  it("keeps a direct landing too, and withdraws one that runs", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      h.town.setRigConfig(h.rig, { merge_strategy: "direct", review: { code_review: false } }, PERSON);
      h.on.merge = () => ({ type: "accepted" });
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
      h.settle();
      expect(h.town.merge(bead).state).toBe("landing");
      h.town.holdMerge(bead, PERSON);
      h.settle();
      const asked = h.carriedOut.find((one) => one.kind === "withdraw_merge");
      h.town.post({
        type: "effect_settled",
        effectId: asked?.kind === "withdraw_merge" ? asked.effectId : "",
        runnerEpoch: h.town.runnerEpoch(),
        attempt: 1,
        outcome: { outcome: "withdrawn" },
      });
      h.advance(10 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "held" } });
      delete h.on.merge;
      h.town.releaseMerge(bead, PERSON);
      h.settle();
      expect(h.town.merge(bead).state).toBe("merged");
    }));

  it("says so when it is over", () =>
    withSql((sql) => {
      const { h, bead } = opened(sql, { auto_merge_delay_minutes: 0 });
      expect(thrown(() => h.town.holdMerge(bead, PERSON))).toMatchObject({ code: "invalid_transition" });
    }));
});

describe("merge now", () => {
  it("skips the grace period and auto_merge, after one more reading", () =>
    withSql((sql) => {
      const { h, bead } = opened(sql, { auto_merge: false });
      const polls = h.forge.polls;
      h.town.mergeNow(bead, h.town.merge(bead).headSha, PERSON);
      h.settle();
      expect(h.forge.polls).toBe(polls + 1);
      expect(h.town.merge(bead).state).toBe("merged");
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it.each<[string, (h: ForgeHarness) => void]>([
    ["red: ci", (h) => checksOf(h.forge.pull("Add x"), [check("ci", "failure")])],
    ["pending: ci", (h) => checksOf(h.forge.pull("Add x"), [check("ci", "pending")])],
    ["unresolved", (h) => threadsOf(h.forge.pull("Add x"), [thread("t", "x")])],
    ["draft", (h) => void (h.forge.pull("Add x").pr.draft = true)],
  ])("never skips a check: %s", (what, spoil) =>
    withSql((sql) => {
      const { h, bead } = opened(sql);
      spoil(h);
      h.advance(MINUTE);
      const head = h.town.merge(bead).headSha;
      expect(thrown(() => h.town.mergeNow(bead, head, PERSON))).toMatchObject({
        code: "invalid_transition",
        message: expect.stringContaining(what),
      });
      expect(h.forge.merges).toEqual([]);
    }),
  );

  it("does not merge what turned red in the reading before the merge", () =>
    withSql((sql) => {
      const { h, bead } = opened(sql);
      checksOf(h.forge.pull("Add x"), [check("ci", "failure")]);
      h.town.mergeNow(bead, h.town.merge(bead).headSha, PERSON);
      h.settle();
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "checks" } });
    }));

  it("is for the head that the person saw", () =>
    withSql((sql) => {
      const { h, bead } = opened(sql);
      expect(thrown(() => h.town.mergeNow(bead, HEAD, PERSON))).toMatchObject({ code: "head_moved" });
    }));
});

describe("refresh", () => {
  it("reads now: by merge request, or all of its rig that a webhook may be about", () =>
    withSql((sql) => {
      const { h, bead } = opened(sql);
      const polls = h.forge.polls;
      h.town.pollNow(bead, PERSON);
      h.settle();
      expect(h.forge.polls).toBe(polls + 1);
      const { branch, headSha, target } = h.town.merge(bead);
      const nothing = { urls: [], headSha: null, branch: null };
      const concerns = [
        { ...nothing, urls: ["https://github.com/acme/app/pull/1"] },
        { ...nothing, headSha },
        { ...nothing, branch },
        { ...nothing, branch: target },
      ];
      for (const [index, concern] of concerns.entries()) {
        expect(h.town.pollConcerned(h.rig, concern)).toBe(1);
        h.settle();
        expect(h.forge.polls).toBe(polls + 2 + index);
      }
      const others = [
        nothing,
        { ...nothing, urls: ["https://github.com/acme/app/pull/9"] },
        { ...nothing, headSha: HEAD },
        { ...nothing, branch: "elsewhere" },
      ];
      for (const concern of others) expect(h.town.pollConcerned(h.rig, concern)).toBe(0);
    }));

  it("reads once more when a webhook came while it was being read: that reading may be older", () =>
    withSql((sql) => {
      const { h, bead } = opened(sql);
      const polls = h.forge.polls;
      const poll = h.on.poll_pull_request;
      h.on.poll_pull_request = (request, effect) => {
        if (poll) h.on.poll_pull_request = poll;
        const answer = poll?.(request, effect) ?? "lost";
        h.town.pollConcerned(h.rig, { urls: [request.url], headSha: null, branch: null });
        return answer;
      };
      h.town.pollNow(bead, PERSON);
      h.settle();
      expect(h.forge.polls).toBe(polls + 2);
    }));
});

describe("dismiss", () => {
  it.each([
    ["reopen", { status: "in_progress" }],
    ["hold", { status: "open", held: true, reason: "dismissed" }],
    ["close", { status: "closed", reason: "cancelled" }],
  ] as const)("%s", (source, expected) =>
    withSql((sql) => {
      const { h, bead } = opened(sql);
      h.auto.done = false;
      h.town.dismissMerge(bead, { note: "not now", source }, PERSON);
      h.settle();
      expect(h.town.merge(bead)).toMatchObject({ state: "failed", failure: { kind: "dismissed" } });
      expect(h.town.bead(bead)).toMatchObject(expected);
      expect(h.forge.pull("Add x").pr.state).toBe("open");
      expect(h.town.checkInvariants()).toEqual([]);
    }),
  );
});

describe("a person's verdict", () => {
  it("asks for changes by the same rules as a refinery", () =>
    withSql((sql) => {
      const { h, bead } = opened(sql);
      h.auto.done = false;
      const { headSha } = h.town.merge(bead);
      h.town.giveMergeVerdict(
        bead,
        { headSha, verdict: "request_changes", feedback: "rename it", files: [] },
        PERSON,
      );
      h.settle();
      expect(h.town.merge(bead)).toMatchObject({ state: "changes_requested", waitingOn: { code: "rework" } });
      expect(
        thrown(() =>
          h.town.giveMergeVerdict(bead, { headSha: HEAD, verdict: "approve", summary: "" }, PERSON),
        ),
      ).toMatchObject({ code: "head_moved" });
    }));

  it("waits in the queue for gates that have not run yet", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { code_review: true, auto_merge: false, gates: ["npm test"] });
      h.on.run_gates = () => ({ type: "accepted" });
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
      h.settle();
      const { headSha } = h.town.merge(bead);
      h.town.giveMergeVerdict(bead, { headSha, verdict: "approve", summary: "ok" }, PERSON);
      h.settle();
      expect(h.town.merge(bead)).toMatchObject({ state: "queued", waitingOn: { code: "gates" } });
      delete h.on.run_gates;
      h.advance(60 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", reviewedSha: headSha });
      const starts = h.carriedOut.flatMap((one) => (one.kind === "start_session" ? [one.plan.role] : []));
      expect(starts).toEqual(["polecat"]);
    }));

  it("approves what a refinery is looking at, and ends that review", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { code_review: true, auto_merge: false });
      h.auto.verdict = false;
      const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
      h.settle();
      const merge = h.town.merge(bead);
      const session = h.session(merge.id);
      h.town.giveMergeVerdict(bead, { headSha: merge.headSha, verdict: "approve", summary: "ok" }, PERSON);
      h.settle();
      expect(h.town.session(session).state).toBe("ended");
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", reviewedSha: merge.headSha });
    }));
});

describe("a credential that changed", () => {
  it("puts back what failed for want of one, and nothing else", () =>
    withSql((sql) => {
      const { h, bead } = opened(sql);
      h.forge.error = { kind: "no_token", provider: "github", tried: [] };
      h.advance(MINUTE);
      expect(h.town.merge(bead).state).toBe("failed");
      h.forge.error = null;
      const { config } = h.town.config();
      h.town.setConfig(config, PERSON, []);
      h.settle();
      expect(h.town.merge(bead).state).toBe("failed");
      h.town.setConfig(config, PERSON, NEW_TOKEN);
      h.settle();
      expect(h.town.merge(bead).state).toBe("approved");
      expect(h.town.bead(bead).status).toBe("in_review");
      h.town.dismissMerge(bead, { note: "", source: "hold" }, PERSON);
      h.town.setConfig(config, PERSON, NEW_TOKEN);
      expect(h.town.merge(bead)).toMatchObject({ state: "failed", failure: { kind: "dismissed" } });
    }));

  it("makes the town's own GitLab one that has merge requests", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      h.town.setConfig({ merge_strategy: "pr", review: { code_review: false } }, PERSON);
      const gitUrl = "git@git.example.com:group/app.git";
      const rig = h.town.addRig({ name: "own", gitUrl }, PERSON).id;
      expect(h.town.rig(rig).forge).toBe("git");
      const masked = "https://git.example.com";
      h.town.setConfig(h.town.config().config, PERSON, [{ key: "gitlab_url", sealed: "x", masked }]);
      expect(h.town.rig(rig).forge).toBe("gitlab");
      h.settle();
      const bead = h.town.sling(rig, { title: "y" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.merge(bead.id)).toMatchObject({ strategy: "pr" });
      expect(h.carriedOut.find((one) => one.kind === "open_pull_request")).toMatchObject({ forge: "gitlab" });
    }));
});

describe("adopting", () => {
  const theirs = (more: Partial<PullRequest> = {}): PullRequest => ({
    url: "https://github.com/acme/app/pull/7",
    number: 7,
    state: "open",
    draft: false,
    mergeable: "clean",
    head_sha: HEAD,
    head: "feature/x",
    from_fork: false,
    base: "main",
    title: "Their work",
    author: "ann",
    merge_commit: null,
    merged_by: null,
    ...more,
  });
  const adopted = (h: ForgeHarness, more: Partial<PullRequest> = {}, forcePushAllowed?: boolean) => {
    const pr = theirs(more);
    h.forge.pulls.push({
      pr: { ...pr },
      signals: {
        threads: { state: "known", unresolved: [] },
        checks: { state: "known", head_sha: pr.head_sha, items: [check("ci", "success")] },
        approval: { state: "known", decision: "none" },
      },
      pushed: null,
      contained: true,
    });
    const answer = h.town.adoptPullRequest(h.rig, { pr, forcePushAllowed }, PERSON);
    h.settle();
    return answer;
  };

  it("is the same loop without a source bead: reviewed, watched, merged, its branch left alone", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { code_review: true });
      const { mergeRequest, existing } = adopted(h);
      expect(existing).toBe(false);
      expect(h.town.merge(mergeRequest.id)).toMatchObject({
        state: "merged",
        adopted: true,
        sourceBeadId: null,
        branch: "feature/x",
        target: "main",
        reviewedSha: HEAD,
      });
      expect(h.carriedOut.some((one) => one.kind === "open_pull_request")).toBe(false);
      expect(h.carriedOut.some((one) => one.kind === "branch")).toBe(false);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("one that is watched already is the answer", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false });
      const first = adopted(h);
      const again = h.town.adoptPullRequest(h.rig, { pr: theirs() }, PERSON);
      expect(again).toMatchObject({ existing: true, mergeRequest: { id: first.mergeRequest.id } });
    }));

  it.each(["closed", "merged"] as const)("a %s one is refused", (state) =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      const pr = theirs({ state });
      expect(thrown(() => h.town.adoptPullRequest(h.rig, { pr }, PERSON))).toMatchObject({
        code: "pr_not_open",
      });
    }),
  );

  it.each([
    [undefined, false, /^Merge the current main into feature\/x.*Do not rewrite/s],
    [false, false, /^Merge the current main/],
    [true, true, /^Rebase feature\/x onto the current main/],
  ])("force push allowed %s reaches every bead made for it", (allowed, rewrite, order) =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false, auto_resolve_feedback: true });
      const { mergeRequest } = adopted(h, {}, allowed);
      h.auto.done = false;
      h.forge.pull("Their work").pr.mergeable = "dirty";
      h.advance(MINUTE);
      const start = h.carriedOut.findLast((one) => one.kind === "start_session");
      expect(start).toMatchObject({ plan: { branch: "feature/x", allow_rewrite: rewrite } });
      expect(start?.kind === "start_session" ? start.plan.prime.work_order?.text : "").toMatch(order);
      expect(h.town.merge(mergeRequest.id).forcePushAllowed).toBe(rewrite);
    }),
  );

  it("from a fork asks a person for what only they can push", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false, auto_resolve_feedback: true });
      const { mergeRequest } = adopted(h, { from_fork: true });
      threadsOf(h.forge.pull("Their work"), [thread("t", "rename it")]);
      h.advance(MINUTE);
      expect(h.town.merge(mergeRequest.id)).toMatchObject({ waitingOn: { code: "question" } });
      expect(h.town.escalations({ open: true })[0]?.category).toBe("cannot_push");
    }));

  it("that cannot be watched any more fails, and is watched again on retry", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false });
      const { mergeRequest } = adopted(h);
      h.forge.error = http(404);
      h.advance(MINUTE);
      expect(h.town.merge(mergeRequest.id)).toMatchObject({ state: "failed" });
      h.forge.error = null;
      h.town.retryMerge(mergeRequest.id, PERSON);
      h.settle();
      expect(h.town.merge(mergeRequest.id).state).toBe("approved");
      h.town.dismissMerge(mergeRequest.id, { note: "", source: "close" }, PERSON);
      expect(h.town.merge(mergeRequest.id).state).toBe("failed");
      expect(h.town.checkInvariants()).toEqual([]);
    }));
});
