/** Reading and answering review threads without a token (spec/review.md §4.3). */
import type { MergeRequest } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { agentOf, type TestAgent } from "../testing/agent.ts";
import { forgeOfOne, onePullRequest, PR_URL, type OnePullRequest } from "../testing/forge.ts";
import { began, TOWN, townsOn, working, type TownHost } from "../testing/town-host.ts";

const withTown = townsOn(withSql);

/** A refinery that reviews an adopted pull request. */
async function reviewer(host: TownHost, pr: OnePullRequest): Promise<TestAgent> {
  host.ports.forge.current = forgeOfOne(pr);
  await host.register();
  const rigs = `/api/towns/${TOWN}/rigs`;
  const body = { name: "app", gitUrl: "https://github.com/acme/app.git" };
  const { id } = (await host.ask<{ id: string }>("POST", rigs, body)).body;
  const setup = await host.called("/repos/setup");
  await host.report(`/runner/effects/${String(setup.body["effect_id"])}/settle`, {
    attempt: 1,
    result: { outcome: "rig_ready", default_branch: "main", head_sha: "a".repeat(40) },
  });
  const adopted = await host.ask<MergeRequest>("POST", `${rigs}/${id}/merges/adopt`, { prUrl: PR_URL });
  return agentOf(host, await began(host, adopted.body.id));
}

function withThreads(): OnePullRequest {
  const comment = (body: string) => ({
    id: body,
    author: "bob",
    author_kind: "person" as const,
    can_write: true,
    body,
    at: "2026-01-05T12:00:00.000Z",
  });
  const pr = onePullRequest();
  pr.threads = [
    {
      id: "t1",
      resolved: false,
      outdated: false,
      path: "src/a.ts",
      line: 12,
      comments: [comment("Rename this.")],
    },
    { id: "t2", resolved: true, outdated: true, path: null, line: null, comments: [comment("Fine now.")] },
  ];
  return pr;
}

describe("an agent's tools for a pull request", () => {
  it("show the open threads with file and line, all of them when asked", () =>
    withTown(async (host) => {
      const agent = await reviewer(host, withThreads());
      const open = await agent.call("gt_pr_threads");
      expect(open.text).toContain("t1 on src/a.ts:12");
      expect(open.text).toContain("bob: Rename this.");
      expect(open.data["items"]).toHaveLength(1);
      expect((await agent.call("gt_pr_threads", { all: true })).data["items"]).toHaveLength(2);
    }));

  it("answer once however often it is said, and resolve", () =>
    withTown(async (host) => {
      const pr = withThreads();
      const agent = await reviewer(host, pr);
      const said = { thread_id: "t1", body: "Renamed in the last commit.", resolve: true };
      expect((await agent.call("gt_pr_reply", said)).text).toBe("Answered, and the thread is resolved.");
      expect((await agent.call("gt_pr_reply", said)).data).toMatchObject({ posted: false });
      expect(pr.replies).toHaveLength(1);
      expect(pr.resolved).toContain("t1");
    }));

  it("ask a forge again that failed in passing, and still answer once", () =>
    withTown(async (host) => {
      const pr = withThreads();
      const agent = await reviewer(host, pr);
      pr.losesAnswers = 2;
      const armed = [host.ports.clock.armed(500), host.ports.clock.armed(1_000)] as const;
      const said = agent.call("gt_pr_reply", { thread_id: "t1", body: "Renamed." });
      await armed[0];
      host.ports.clock.advance(500);
      await armed[1];
      host.ports.clock.advance(1_000);
      expect((await said).data).toMatchObject({ posted: false });
      expect(pr.replies).toHaveLength(1);
    }));

  it("say so where there is no pull request", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      expect(await agentOf(host, worker).call("gt_pr_threads")).toMatchObject({
        isError: true,
        data: { error: { code: "not_found" } },
      });
    }));
});
