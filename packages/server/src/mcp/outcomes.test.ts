/** How a polecat and a refinery end their work (spec/api.md §4.3, §8.12). */
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { agentOf, type TestAgent } from "../testing/agent.ts";
import { began, TOWN, townsOn, working, type TownHost, type Working } from "../testing/town-host.ts";

const withTown = townsOn(withSql);

const HEAD = "b".repeat(40);
const BASE_SHA = "a".repeat(40);

interface Settle {
  settle_id: string;
  epoch: number;
  no_changes: boolean;
}

async function settleAsked(host: TownHost): Promise<Settle> {
  return (await host.called("/settle")).body as unknown as Settle;
}

function settled(
  host: TownHost,
  { sessionId }: Working,
  asked: Settle,
  changes: object = {},
): Promise<{ status: number }> {
  return host.report(`/sessions/${sessionId}/settle`, {
    epoch: asked.epoch,
    settle_id: asked.settle_id,
    result: "pushed",
    branch: "gastown/toast/1",
    base_sha: BASE_SHA,
    head_sha: HEAD,
    commits: 2,
    additions: 10,
    deletions: 3,
    committed_dirty: false,
    error: null,
    ...changes,
  });
}

const NOTHING = { result: "nothing_to_push", head_sha: null, commits: 0, additions: 0, deletions: 0 };

async function polecat(host: TownHost): Promise<{ worker: Working; agent: TestAgent }> {
  const worker = await working(host, await host.readyRig());
  return { worker, agent: agentOf(host, worker) };
}

/** A refinery at work on what a polecat submitted. */
async function refinery(host: TownHost): Promise<{ worker: Working; agent: TestAgent }> {
  const { worker, agent } = await polecat(host);
  const done = agent.call("gt_done", { summary: "done" });
  await settled(host, worker, await settleAsked(host));
  await done;
  const reviewer = await began(host, worker.beadId);
  expect(reviewer.sessionId).not.toBe(worker.sessionId);
  return { worker: reviewer, agent: agentOf(host, reviewer) };
}

describe("gt_done of a polecat", () => {
  it("waits for the runner and says what was submitted", () =>
    withTown(async (host) => {
      const { worker, agent } = await polecat(host);
      const done = agent.call("gt_done", { summary: "Added it." });
      await settled(host, worker, await settleAsked(host));
      expect(await done).toEqual({
        isError: false,
        text: "Submitted bbbbbbbb on gastown/toast/1 (2 commits, +10 −3). You are finished; stop here.",
        data: {
          outcome: "submitted",
          head_sha: HEAD,
          branch: "gastown/toast/1",
          commits: 2,
          additions: 10,
          deletions: 3,
        },
      });
      expect(host.actor.read((town) => town.bead(worker.beadId).status)).toBe("in_review");
    }));

  it("said again after the end returns what was recorded, and every other tool is fenced", () =>
    withTown(async (host) => {
      const { worker, agent } = await polecat(host);
      const done = agent.call("gt_done", { summary: "Added it." });
      await settled(host, worker, await settleAsked(host));
      await done;
      const before = host.actor.read((town) => town.newestSeq());
      const again = await agent.call("gt_done", { summary: "Added it." });
      expect(again).toMatchObject({ isError: false, data: { outcome: "submitted", head_sha: HEAD } });
      expect(again.text).toContain("You are finished");
      expect(host.actor.read((town) => town.newestSeq())).toBe(before);
      expect(await agent.call("gt_escalate", { title: "x" })).toMatchObject({
        isError: true,
        data: { error: { code: "session_fenced" } },
      });
      expect(host.actor.read((town) => town.merges({}))).toHaveLength(1);
    }));

  it("said twice at once asks the runner once", () =>
    withTown(async (host) => {
      const { worker, agent } = await polecat(host);
      const both = Promise.all([
        agent.call("gt_done", { summary: "a" }),
        agent.call("gt_done", { summary: "a" }),
      ]);
      await settled(host, worker, await settleAsked(host));
      // Whether the second call joins the settle or comes after its end is a race; both say the same.
      for (const answer of await both) {
        expect(answer).toMatchObject({ isError: false, data: { outcome: "submitted", head_sha: HEAD } });
      }
      expect(host.calls.filter(({ path }) => path.endsWith("/settle"))).toHaveLength(1);
    }));

  it("says after 60 s that it goes on, and the next call attaches", () =>
    withTown(async (host) => {
      const { worker, agent } = await polecat(host);
      const armed = host.ports.clock.armed(60_000);
      const late = agent.call("gt_done", { summary: "a" });
      const asked = await settleAsked(host);
      await armed;
      // The runner is alive meanwhile, or its session's lease would end.
      host.ports.clock.advance(60_000);
      expect(await late).toMatchObject({ isError: true, data: { error: { code: "timeout" } } });
      const attached = agent.call("gt_done", { summary: "a" });
      await settled(host, worker, asked);
      expect(await attached).toMatchObject({ isError: false, data: { outcome: "submitted" } });
    }));

  it("without a commit says what to do, and records nothing", () =>
    withTown(async (host) => {
      const { worker, agent } = await polecat(host);
      const done = agent.call("gt_done", { summary: "a" });
      await settled(host, worker, await settleAsked(host), NOTHING);
      const answer = await done;
      expect(answer).toMatchObject({ isError: true, data: { error: { code: "nothing_to_submit" } } });
      expect(answer.text).toContain("no_changes: true");
      expect(host.actor.read((town) => town.session(worker.sessionId).state)).toBe("running");
    }));

  it("with no_changes closes the bead", () =>
    withTown(async (host) => {
      const { worker, agent } = await polecat(host);
      const done = agent.call("gt_done", { summary: "was there already", no_changes: true });
      const asked = await settleAsked(host);
      expect(asked.no_changes).toBe(true);
      await settled(host, worker, asked, NOTHING);
      expect(await done).toMatchObject({ isError: false, data: { outcome: "no_changes" } });
      expect(host.actor.read((town) => town.bead(worker.beadId))).toMatchObject({
        status: "closed",
        reason: "no_changes",
      });
    }));

  it.each([
    [{ result: "changes_present" }, "changes_present"],
    [{ result: "branch_moved" }, "head_moved"],
    [{ result: "push_failed", error: { kind: "network", message: "no route." } }, "push_failed"],
    [{ result: "push_failed", error: { kind: "auth", message: "no key." } }, "session_fenced"],
  ])("tells %j as %s", (changes, code) =>
    withTown(async (host) => {
      const { worker, agent } = await polecat(host);
      const done = agent.call("gt_done", { summary: "a" });
      await settled(host, worker, await settleAsked(host), changes);
      expect(await done).toMatchObject({ isError: true, data: { error: { code } } });
    }),
  );

  it("needs a summary", () =>
    withTown(async (host) => {
      const { agent } = await polecat(host);
      expect(await agent.call("gt_done")).toMatchObject({
        isError: true,
        data: { error: { code: "validation_failed" } },
      });
    }));
});

describe("a refinery", () => {
  it("is told the head, its target and the gates", () =>
    withTown(async (host) => {
      const { agent } = await refinery(host);
      const prime = await agent.call("gt_prime");
      expect(prime.text).toContain(`head ${HEAD}`);
      expect(prime.data).toMatchObject({ role: "refinery", review: { head_sha: HEAD, target: "main" } });
    }));

  it("approves by no other call than gt_approve, before it or after", () =>
    withTown(async (host) => {
      const { worker, agent } = await refinery(host);
      const early = await agent.call("gt_done", { summary: "looks good, approved" });
      expect(early).toMatchObject({ isError: true, data: { error: { code: "verdict_required" } } });
      expect(early.text).toContain("gt_approve");
      expect(host.actor.read((town) => town.merges({}))).toMatchObject([
        { state: "reviewing", verdict: null },
      ]);

      const approve = await agent.call("gt_approve", { summary: "good" });
      expect(approve).toMatchObject({ isError: false, data: { verdict: "approve", head_sha: HEAD } });
      expect(approve.text).toBe("Approved bbbbbbbb. The town tests and lands it. You are finished.");
      expect(await agent.call("gt_done")).toMatchObject({
        isError: false,
        text: "Verdict already recorded: approve.",
      });
      const again = await agent.call("gt_approve", { summary: "good" });
      expect(again.text).toMatch(/^Already done\. Approved/);
      expect(await agent.call("gt_request_changes", { feedback: "no, wait" })).toMatchObject({
        isError: true,
        data: { error: { code: "outcome_recorded" } },
      });
      expect(host.actor.read((town) => town.session(worker.sessionId))).toMatchObject({
        state: "ended",
        outcome: "approved",
      });
      const merge = await host.called("/git/merge");
      expect(merge.body).toMatchObject({ reviewed_sha: HEAD, target: "main" });
    }));

  it("asks for changes once, and a polecat gets them as its work order", () =>
    withTown(async (host) => {
      const { agent } = await refinery(host);
      const asked = {
        feedback: "The index is off by one.",
        files: [{ path: "src/a.ts", line: 3, note: "here" }],
      };
      const first = await agent.call("gt_request_changes", asked);
      expect(first).toMatchObject({
        isError: false,
        data: { verdict: "request_changes", rework_bead_id: expect.stringMatching(/^bead_/) },
      });
      const again = await agent.call("gt_request_changes", asked);
      expect(again.data).toEqual(first.data);
      const rework = host.actor.read((town) => town.beads({ kind: ["rework"] }, {}).items);
      expect(rework).toHaveLength(1);
      const { body } = await host.called("/agents/start");
      expect(body["prompt"]).toContain("The index is off by one.");
      expect(body["prompt"]).toContain("src/a.ts:3: here");
    }));
});

describe("a town's own path of a change", () => {
  it("lands what was approved", () =>
    withTown(async (host) => {
      const { agent } = await refinery(host);
      await agent.call("gt_approve", { summary: "good" });
      const merge = await host.called("/git/merge");
      await host.report(`/runner/effects/${String(merge.body["effect_id"])}/settle`, {
        attempt: merge.body["attempt"],
        result: { outcome: "merged", commit: "c".repeat(40), already: false },
      });
      const bead = await host.until(
        (town) => town.beads({ status: ["closed"], type: ["issue"] }, {}).items[0],
      );
      expect(bead).toMatchObject({ status: "closed", reason: "merged" });
      const merges = await host.ask<{ items: unknown[] }>("GET", `/api/towns/${TOWN}/merges?state=merged`);
      expect(merges.body.items).toMatchObject([{ state: "merged", mergeCommit: "c".repeat(40) }]);
    }));
});
