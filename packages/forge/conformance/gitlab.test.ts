import { expect, it } from "vitest";
import { z } from "zod";
import { conformance } from "./suite.ts";
import { opened, signal, type World } from "./world.ts";

conformance("gitlab", (world) => {
  /** The checks, when GitLab names this as the pipeline of the merge request. */
  async function checksWith(at: World, url: string, head_pipeline: object): Promise<unknown> {
    const change = (body: unknown): unknown => ({ ...(body as object), head_pipeline });
    at.simulator.faults.add({ path: /merge_requests\/1$/, fault: { kind: "rewrite", change } });
    const read = await at.forge.read(url, signal);
    return "signals" in read ? read.signals?.checks : read;
  }

  it("sees a merge request from a fork as one, and never as the town's own", async () => {
    const at = await world();
    const [target, name] = [
      new URL(at.repository.url).pathname.slice(1),
      at.repository.url.split("/").at(-1),
    ];
    const fork = await at.simulator.repository({
      forge: "gitlab",
      path: `eve/${name}`,
      members: { eve: "admin" },
    });
    await fork.commit("work", { "x.txt": "x\n" });
    const token = `Bearer ${at.simulator.token("eve")}`;
    const api = `${at.simulator.url}/api/v4/projects`;
    const project = await fetch(`${api}/${encodeURIComponent(target)}`, {
      headers: { authorization: token },
    });
    const { id } = z.object({ id: z.int() }).parse(await project.json());
    const answer = await fetch(`${api}/${encodeURIComponent(`eve/${name}`)}/merge_requests`, {
      method: "POST",
      headers: { authorization: token, "content-type": "application/json" },
      body: JSON.stringify({
        source_branch: "work",
        target_branch: "main",
        target_project_id: id,
        title: "Mine",
      }),
    });
    expect(answer.status).toBe(201);
    expect(await at.forge.read(at.repository.pullUrl(1), signal)).toMatchObject({
      outcome: { kind: "ok", pr: { from_fork: true, head: "work", author: "eve" } },
    });
    // The town's own branch of that name is another merge request.
    expect(await opened(at)).toMatchObject({ number: 2 });
  });

  it("takes a pipeline of the merged result for one of the head", async () => {
    const at = await world();
    const { url, headSha, branch } = await opened(at);
    const result = await at.repository.commit("result", { "m.txt": "m\n" }, { from: branch });
    const job = at.repository.check(result, { name: "unit", conclusion: "failed" });
    const pipeline = { id: job.id, sha: result, status: "failed" };
    expect(await checksWith(at, url, pipeline)).toMatchObject({
      state: "known",
      head_sha: headSha,
      items: [
        { name: "pipeline", state: "failure" },
        { name: "unit", state: "failure" },
      ],
    });
  });

  it("does not take a pipeline of an earlier head for one of this", async () => {
    const at = await world();
    const { url, headSha, branch } = await opened(at);
    const next = await at.repository.commit(branch, { "more.txt": "x\n" });
    const pipeline = { id: 1, sha: headSha, status: "success" };
    expect(await checksWith(at, url, pipeline)).toMatchObject({
      state: "known",
      head_sha: next,
      items: [{ name: "pipeline", state: "pending" }],
    });
  });

  it("knows no pipeline status that it does not know", async () => {
    const at = await world();
    const { url, headSha } = await opened(at);
    const pipeline = { id: 1, sha: headSha, status: "splendid" };
    expect(await checksWith(at, url, pipeline)).toMatchObject({ state: "unknown" });
  });

  it("holds nothing up for a job that may fail or wait", async () => {
    const at = await world();
    const { url, headSha } = await opened(at);
    at.repository.check(headSha, { name: "lint", conclusion: "failed", allowFailure: true });
    at.repository.check(headSha, { name: "deploy", conclusion: "manual", allowFailure: true });
    const read = await at.forge.read(url, signal);
    expect(read).toMatchObject({
      signals: {
        checks: {
          items: [
            { name: "lint", state: "neutral" },
            { name: "deploy", state: "skipped" },
            { name: "pipeline", state: "success" },
          ],
        },
      },
    });
  });
});
