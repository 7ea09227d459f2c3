import { expect, it } from "vitest";
import { conformance } from "./suite.ts";
import { opened, signal, valueOf } from "./world.ts";

conformance("github", (world) => {
  it("sees a pull request from a fork as one", async () => {
    const at = await world();
    const [, name = ""] = new URL(at.repository.url).pathname.slice(1).split("/");
    const fork = await at.simulator.repository({ forge: "github", path: `eve/${name}`, private: false });
    await fork.commit("work", { "x.txt": "x\n" });
    const api = `${at.simulator.url}/api/v3/repos/${new URL(at.repository.url).pathname.slice(1)}/pulls`;
    const answer = await fetch(api, {
      method: "POST",
      headers: { authorization: `Bearer ${at.simulator.token("eve")}`, "content-type": "application/json" },
      body: JSON.stringify({ head: "eve:work", base: "main", title: "Mine", body: "" }),
    });
    expect(answer.status).toBe(201);
    expect(await at.forge.read(at.repository.pullUrl(1), signal)).toMatchObject({
      outcome: { kind: "ok", pr: { from_fork: true, head: "work", author: "eve" } },
    });
    // The town's own branch of that name is another pull request.
    expect(await opened(at)).toMatchObject({ number: 2 });
  });

  it("posts a review without places rather than not at all", async () => {
    const at = await world();
    const { url, headSha, number } = await opened(at);
    const refusal = { kind: "status", status: 422 } as const;
    at.simulator.faults.add({ method: "POST", path: /\/reviews$/, fault: refusal });
    const comments = [{ path: "src/a.txt", line: 2, body: "why 2?" }];
    const review = { url, headSha, marker: "m1", body: "One thing.", comments };
    expect(valueOf(await at.forge.postReview(review, signal))).toEqual({ posted: true });
    const { reviews, threads } = await at.repository.pull(number);
    expect(threads).toEqual([]);
    expect(reviews.map(({ body }) => body)).toEqual([
      expect.stringMatching(/^One thing\.[^]*src\/a\.txt:2[^]*why 2\?/),
    ]);
  });
});
