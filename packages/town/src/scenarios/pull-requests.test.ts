/** A pull request from opening to landing (spec/review.md §1, §4). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import type { EffectAnswer } from "../town.ts";
import { PERSON } from "./harness.ts";
import { forgeHarness, http, type ForgeHarness } from "./memory-forge.ts";

const SECOND = 1_000;
const MINUTE = 60_000;

/** Given a bead whose work is pushed and whose pull request is open. */
function opened(h: ForgeHarness, title = "Add x"): string {
  const bead = h.town.sling(h.rig, { title, body: "make x" }, { held: false }, PERSON);
  h.settle();
  return bead.id;
}
const escalations = (h: ForgeHarness): string[] =>
  h.town.escalations({ open: true }).map((one) => one.category);

describe("opening", () => {
  it("is the town's: title, body, and the url recorded; then it merges what is green", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      const bead = opened(h);
      const request = h.carriedOut.find((one) => one.kind === "open_pull_request");
      expect(request).toMatchObject({ target: "main", title: "Add x", forge: "github" });
      expect(request?.kind === "open_pull_request" ? request.body : "").toMatch(
        /did it[\s\S]*Bead:[\s\S]*Agent:/,
      );
      expect(h.town.bead(bead)).toMatchObject({ status: "closed", reason: "merged" });
      expect(h.town.merge(bead)).toMatchObject({
        state: "merged",
        strategy: "pr",
        method: "auto",
        pullRequest: { url: "https://github.com/acme/app/pull/1", state: "merged" },
      });
      const [merge] = h.forge.merges;
      expect(merge?.headSha).toBe(h.town.merge(bead).reviewedSha);
      expect(h.carriedOut.some((one) => one.kind === "merge")).toBe(false);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("carries the gate table when gates ran", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { gates: ["npm test"] });
      opened(h);
      const request = h.carriedOut.find((one) => one.kind === "open_pull_request");
      expect(request?.kind === "open_pull_request" ? request.body : "").toContain("| npm test | passed |");
    }));

  it("fails the merge request when it is refused for good, and holds the source", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      const open = h.on.open_pull_request;
      h.on.open_pull_request = () => ({
        type: "forge",
        answer: { of: "open", result: http(422, { transient: false }) },
      });
      const bead = opened(h);
      expect(h.town.merge(bead)).toMatchObject({ state: "failed", failure: { kind: "pr_creation_failed" } });
      expect(h.town.bead(bead)).toMatchObject({ status: "open", held: true, reason: "pr_creation_failed" });
      expect(escalations(h)).toEqual(["pr_creation_failed"]);
      if (open) h.on.open_pull_request = open;
      h.town.retryMerge(bead, PERSON);
      h.settle();
      expect(h.town.bead(bead).reason).toBe("merged");
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("lands directly on retry when there never was one and the settings say so now", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      h.on.open_pull_request = () => ({
        type: "forge",
        answer: { of: "open", result: { kind: "unsupported", what: "none" } },
      });
      const bead = opened(h);
      expect(h.town.merge(bead).failure?.message).toContain("merge_strategy to direct");
      h.town.setRigConfig(h.rig, { merge_strategy: "direct", review: { code_review: false } }, PERSON);
      h.town.retryBead(bead, { fresh: false, note: "" }, PERSON);
      h.settle();
      expect(h.town.merge(bead)).toMatchObject({ state: "merged", strategy: "direct", pullRequest: null });
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("is tried again while the forge has trouble, and the review does not wait for it", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { code_review: true });
      const open = h.on.open_pull_request;
      h.on.open_pull_request = () => ({ type: "retry", message: "503", counted: true });
      const bead = opened(h);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "unknown" } });
      if (open) h.on.open_pull_request = open;
      h.advance(2 * MINUTE);
      expect(h.town.merge(bead).state).toBe("merged");
    }));

  it("is asked for again at approval where the wish for it went with the head that it named", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { code_review: true, auto_merge: false });
      h.auto.verdict = false;
      const open = h.on.open_pull_request;
      h.on.open_pull_request = () => ({ type: "retry", message: "503", counted: true });
      const bead = opened(h);
      if (open) h.on.open_pull_request = open;
      // As the claim of an effect does whose head is not the branch's any more: nothing is asked.
      sql.run("update outbox set state = 'done' where kind = 'open_pull_request'");
      const { headSha } = h.town.merge(bead);
      h.town.giveMergeVerdict(bead, { headSha, verdict: "approve", summary: "ok" }, PERSON);
      h.settle();
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", pullRequest: { state: "open" } });
      expect(h.forge.pulls).toHaveLength(1);
    }));

  it("lands directly where the town says pr but the rig has no forge", () =>
    withSql((sql) => {
      const h = forgeHarness(sql);
      h.town.setConfig({ merge_strategy: "pr", review: { code_review: false } }, PERSON);
      const plain = h.town.addRig({ name: "plain", gitUrl: "/repo/plain.git" }, PERSON).id;
      h.settle();
      const bead = h.town.sling(plain, { title: "y" }, { held: false }, PERSON);
      h.settle();
      expect(h.town.merge(bead.id)).toMatchObject({ state: "merged", strategy: "direct", method: "merge" });
    }));

  it("keeps the strategy that a merge request was made with", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false });
      const bead = opened(h);
      h.town.setRigConfig(h.rig, { merge_strategy: "direct", review: { auto_merge: false } }, PERSON);
      h.advance(5 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ strategy: "pr", state: "approved" });
      expect(h.carriedOut.some((one) => one.kind === "merge")).toBe(false);
    }));
});

describe("polling", () => {
  it("reads once per interval while it is open, and never when it is over", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false, poll_seconds: 90 });
      const bead = opened(h);
      const before = h.forge.polls;
      h.advance(89_999);
      expect(h.forge.polls).toBe(before);
      h.advance(2);
      expect(h.forge.polls).toBe(before + 1);
      h.advance(10 * 90 * SECOND);
      expect(h.forge.polls).toBe(before + 11);
      expect(sql.get("select count(*) as n from outbox where kind = 'poll_pull_request'")).toEqual({ n: 0 });
      expect(sql.get(`select count(*) as n from inbox where payload like '%"of":"poll"%'`)).toEqual({ n: 0 });
      h.town.closeBead(bead, "cancelled", "", PERSON);
      h.settle();
      const after = h.forge.polls;
      h.advance(60 * MINUTE);
      expect(h.forge.polls).toBe(after);
    }));

  it("takes no reading that was asked at another head, and reads again at once", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false, poll_seconds: 300 });
      const bead = opened(h);
      const head = h.town.merge(bead).headSha;
      const usual = h.on.poll_pull_request;
      const old = "d".repeat(40);
      h.on.poll_pull_request = (request, effect) => {
        if (usual) h.on.poll_pull_request = usual;
        const answer = usual?.(request, effect) ?? "lost";
        if (answer === "lost" || answer.type !== "forge" || answer.answer.of !== "poll") return answer;
        const pr = { ...h.forge.pull("Add x").pr, head_sha: old };
        return {
          type: "forge",
          answer: {
            ...answer.answer,
            asked: { ...request.asked, head: old },
            reading: { outcome: { kind: "ok", pr }, signals: null },
          },
        };
      };
      const polls = h.forge.polls;
      h.advance(5 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ headSha: head, state: "approved" });
      expect(h.forge.polls).toBe(polls + 2);
    }));

  it("keeps no runner alive, and wakes none", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false });
      opened(h);
      h.advance(10 * MINUTE);
      const before = h.carriedOut.length;
      h.advance(60 * MINUTE);
      const kinds = new Set(h.carriedOut.slice(before).map(({ kind }) => kind));
      expect(h.carriedOut.some(({ kind }) => kind === "stop_runner")).toBe(true);
      expect([...kinds]).toEqual(["poll_pull_request"]);
    }));

  it("keeps no runner alive either while its answer does not come", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false });
      opened(h);
      h.on.poll_pull_request = () => "lost";
      h.advance(30 * MINUTE);
      const kinds = h.carriedOut.map(({ kind }) => kind);
      expect(kinds).toContain("stop_runner");
      expect(kinds.slice(kinds.indexOf("stop_runner"))).not.toContain("ensure_runner");
    }));

  it("lets no forge read for more than half of the effects at once", () =>
    withSql((sql) => {
      const h = forgeHarness(sql, { auto_merge: false });
      for (let n = 0; n < 12; n++) opened(h, `bead ${n}`);
      h.town.sling(h.rig, { title: "one more" }, { held: true }, PERSON);
      h.setClock(h.now() + 10 * MINUTE);
      h.town.startBead(h.bead("one more").id, PERSON);
      h.town.tick();
      const kinds = h.town.claimEffects().map(({ request }) => request.kind);
      expect(kinds.filter((kind) => kind === "poll_pull_request")).toHaveLength(4);
      expect(kinds).toContain("start_session");
    }));

  it.each(["open_pull_request", "poll_pull_request", "merge_pull_request"] as const)(
    "does no harm when the answer to %s is lost",
    (kind) =>
      withSql((sql) => {
        const h = forgeHarness(sql);
        const usual = h.on[kind] as ((...args: unknown[]) => EffectAnswer | "lost") | undefined;
        let lost = 0;
        h.on[kind] = (...args: unknown[]) => {
          const answer = usual?.(...args) ?? "lost";
          return lost++ === 0 ? "lost" : answer;
        };
        const bead = opened(h);
        expect(h.town.bead(bead).status).toBe("in_review");
        h.advance(2 * MINUTE);
        expect(lost).toBeGreaterThan(1);
        expect(h.town.bead(bead)).toMatchObject({ status: "closed", reason: "merged" });
        expect(h.forge.pulls).toHaveLength(1);
        expect(h.town.checkInvariants()).toEqual([]);
      }),
  );
});
