import { expect, it } from "vitest";
import { opened, signal, valueOf, type World } from "./world.ts";

/** What never happens: a token at a stranger's, an old token, a request more than needed. */
export function guarding(kind: "github" | "gitlab", world: () => Promise<World>): void {
  it("sends nothing to another host, and nothing for what is no pull request", async () => {
    const { forge, simulator } = await world();
    const before = simulator.requests.length;
    const form = kind === "github" ? "/acme/tool/pull/1" : "/acme/tool/-/merge_requests/1";
    const calls = (url: string) => [
      forge.threads(url, signal),
      forge.merge({ url, headSha: "a".repeat(40), method: "merge", title: "t", message: "" }, signal),
      forge.postReview({ url, headSha: "a".repeat(40), marker: "m", body: "b", comments: [] }, signal),
      forge.reply({ url, threadId: "x", marker: "m", body: "b" }, signal),
      forge.resolveThread({ url, threadId: "x" }, signal),
      forge.checkLog({ url, name: "ci", headSha: "a".repeat(40) }, signal),
      forge.read(url, signal).then((read) => ("outcome" in read ? read.outcome : read)),
    ];
    for (const answer of await Promise.all(calls(`http://localhost:9${form}`)))
      expect(answer).toMatchObject({ kind: "host_mismatch", got: "localhost:9" });
    for (const answer of await Promise.all(calls(`file://${form}`)))
      expect(answer).toEqual({ kind: "unrecognized_url", url: `file://${form}` });
    for (const answer of await Promise.all(calls(`http://ann:hunter2@127.0.0.1${form}`)))
      expect(answer).toEqual({ kind: "unrecognized_url", url: `http://127.0.0.1${form}` });
    expect(simulator.requests).toHaveLength(before);
  });

  it("uses the token of the moment", async () => {
    const at = await world();
    const { url } = await opened(at);
    const outcome = async (): Promise<unknown> => {
      const read = await at.forge.read(url, signal);
      return "outcome" in read ? read.outcome : read;
    };
    const short = at.simulator.token("town", { expiresInMs: 60_000 });
    at.use(short);
    expect(await outcome()).toMatchObject({ kind: "ok" });
    at.simulator.clock.advance(61_000);
    expect(await outcome()).toMatchObject({ kind: "http_error", status: 401, transient: false });
    at.use(at.simulator.token("town"));
    expect(await outcome()).toMatchObject({ kind: "ok" });
    at.use(at.simulator.token("stranger"));
    expect(await outcome()).toMatchObject({ kind: "http_error", status: 404, transient: false });
  });

  it("asks conditionally for what may not have changed", async () => {
    const at = await world();
    const { url, headSha } = await opened(at);
    at.repository.check(headSha, { name: "ci" });
    const first = await at.forge.read(url, signal);
    const before = at.simulator.requests.length;
    expect(await at.forge.read(url, signal)).toEqual(first);
    const second = at.simulator.requests.slice(before).filter(({ method }) => method === "GET");
    expect(second.length).toBeGreaterThan(1);
    expect(second.map(({ status }) => status)).toEqual(second.map(() => 304));
    at.repository.check(headSha, { name: "ci", status: "queued", conclusion: null });
    const third = await at.forge.read(url, signal);
    expect(third).not.toEqual(first);
  });

  it("obeys the caller's own signal by throwing its reason", async () => {
    const at = await world();
    const stop = new AbortController();
    const reason = new Error("the town closes");
    at.simulator.faults.add({ fault: { kind: "slow", until: new Promise(() => {}) } });
    const asked = at.forge.repository(stop.signal);
    stop.abort(reason);
    await expect(asked).rejects.toBe(reason);
    at.simulator.faults.clear();
    expect(valueOf(await at.forge.repository(signal)).defaultBranch).toBe("main");
  });
}
