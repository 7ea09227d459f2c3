/**
 * Branches that go with their rig, by choice. The failures: one that somebody needs, one that a person moved, and one
 * that is said to be gone and is not.
 */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "../scenarios/harness.ts";

/** One that is merged, with a setting that keeps its branch, and one that is cancelled, with saved work. */
function over(h: Harness): { merged: string; saved: string } {
  h.town.setConfig({ review: { delete_branch: false } }, PERSON);
  const merged = h.town.sling(h.rig, { title: "merged" }, { held: false }, PERSON).id;
  h.settle();
  h.auto.done = false;
  const cancelled = h.town.sling(h.rig, { title: "cancelled" }, { held: false }, PERSON).id;
  h.settle();
  const session = h.session(cancelled);
  h.town.closeBead(cancelled, "cancelled", "", PERSON);
  h.settle();
  const saved = `refs/gastown/wip/${session}`;
  h.town.post({
    type: "session_ended",
    sessionId: session,
    ended: {
      epoch: h.town.session(session).epoch,
      outcome: "stopped",
      reason: { code: "stopped", message: "" },
      work_ref: saved,
      usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
    },
  });
  h.settle();
  return { merged: h.town.merge(merged).branch, saved };
}

describe("what a town left on a rig's remote", () => {
  it("goes when a person says so, and is told of one by one", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { merged, saved } = over(h);
      h.on.branch = ({ body }) => ({
        type: "outcome",
        outcome:
          body.branch === merged
            ? { outcome: "rejected", reason: "moved" }
            : { outcome: "branch_done", head_sha: null },
      });
      const asked = h.town.forgetBranches("app", PERSON);
      expect(h.town.askedRefs(asked)).toContainEqual({ ref: saved, state: "pending", why: null });
      h.settle();
      expect(h.town.askedRefs(asked)).toEqual([
        { ref: merged, state: "kept", why: expect.stringContaining("stands elsewhere") },
        { ref: saved, state: "gone", why: null },
      ]);
      const sent = h.carriedOut.flatMap((one) => (one.kind === "branch" ? [one.body] : []));
      expect(sent).toMatchObject([
        { operation: "delete", branch: merged, expected_head: h.town.merge(h.bead("merged").id).headSha },
        { operation: "forget", branch: saved },
      ]);
      h.town.removeRig("app", { force: false }, PERSON);
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("stays while somebody works there, or a pull request may be open", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { merged } = over(h);
      const live = h.town.sling(h.rig, { title: "live" }, { held: false }, PERSON).id;
      h.settle();
      expect(() => h.town.forgetBranches("app", PERSON)).toThrow(/1 unfinished bead/);
      h.town.closeBead(live, "cancelled", "", PERSON);
      h.settle();
      sql.run("update merge_requests set state = 'failed', pr_url = 'u', pr_state = 'open'");
      const asked = h.town.forgetBranches("app", PERSON);
      expect(h.town.askedRefs(asked)).toContainEqual({
        ref: merged,
        state: "kept",
        why: "its pull request may be open",
      });
    }));

  it("takes convoys' feature branches along, from where the last merge left them", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setConfig({ review: { delete_branch: false } }, PERSON);
      h.town.slingConvoy({ title: "c", rigId: h.rig, tasks: [{ title: "a" }], staged: false }, PERSON);
      h.settle();
      h.advance(60_000);
      const asked = h.town.forgetBranches("app", PERSON);
      h.settle();
      const feature = asked.find(({ ref }) => ref.endsWith("/head"));
      expect(h.town.askedRefs(asked)).toContainEqual({ ref: feature?.ref, state: "gone", why: null });
      const landed = h.town.merge(h.bead("a").id).mergeCommit;
      const sent = h.carriedOut.flatMap((one) => (one.kind === "branch" ? [one.body] : []));
      expect(sent.find((body) => body.operation === "delete" && body.branch === feature?.ref)).toMatchObject({
        expected_head: landed,
      });
    }));
});
