/** What a runner reads for a person: differences and logs (spec/api.md §3.5, §3.8). */
import type { Diff } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import { agentOf } from "../testing/agent.ts";
import {
  BASE,
  began,
  TOWN,
  townsOn,
  USER,
  working,
  type TownHost,
  type Working,
} from "../testing/town-host.ts";

const withTown = townsOn(withSql);
const HEAD = "b".repeat(40);
const BASE_SHA = "a".repeat(40);
const LOG = `log_${"0".repeat(26)}`;

/** Work that was handed in, with a gate that ran on it. */
async function submitted(host: TownHost, logRef: string): Promise<Working & { rigId: string }> {
  const rigId = await host.readyRig();
  host.actor.run((town) =>
    town.setRigConfig(rigId, { review: { gates: ["npm test"] } }, { kind: "person", id: "p", name: "Ann" }),
  );
  const worker = await working(host, rigId);
  const done = agentOf(host, worker).call("gt_done", { summary: "done" });
  const { body } = await host.called("/settle");
  await host.report(`/sessions/${worker.sessionId}/settle`, {
    epoch: worker.epoch,
    settle_id: body["settle_id"],
    result: "pushed",
    branch: "gt/toast/1",
    base_sha: BASE_SHA,
    head_sha: HEAD,
    commits: 1,
    additions: 1,
    deletions: 0,
    committed_dirty: false,
    error: null,
  });
  await done;
  const run = await host.called("/gates/run");
  await host.report(`/runner/effects/${String(run.body["effect_id"])}/settle`, {
    attempt: run.body["attempt"],
    result: {
      outcome: "gates_done",
      gates: [
        {
          name: "npm test",
          exit_code: 0,
          duration_ms: 1,
          required: true,
          log_tail: "two\nthree\n",
          log_ref: logRef,
        },
      ],
    },
  });
  await host.until((town) => (town.merge(worker.beadId).gates.length > 0 ? true : undefined));
  return { ...worker, rigId };
}

/** A log's id as the runner makes it now. */
function logNow(host: TownHost): string {
  const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  let time = "";
  for (let rest = host.ports.now(), i = 0; i < 10; i += 1, rest = Math.floor(rest / 32))
    time = (alphabet[rest % 32] ?? "0") + time;
  return `log_${time}${"7".repeat(16)}`;
}

const files = {
  base: BASE_SHA,
  head: HEAD,
  stat: { files: 2, additions: 3, deletions: 1 },
  files: [
    { path: "b.txt", old_path: "a.txt", status: "renamed", additions: 2, deletions: 1, binary: false },
    { path: "c.txt", status: "added", additions: 1, deletions: 0, binary: false },
  ],
  next: 2,
};

const diffOf = ({ beadId }: Working): string => `/api/towns/${TOWN}/beads/${beadId}/diff`;
const raw = (host: TownHost, path: string, accept: string): Promise<Response> =>
  Promise.resolve(host.server.app.request(`${BASE}${path}`, { headers: { ...USER, accept } }));

describe("a difference", () => {
  it("is read by the runner, between the target and the head that was handed in", () =>
    withTown(async (host) => {
      const worker = await submitted(host, LOG);
      const asked: Record<string, string>[] = [];
      host.answers.set("GET /git/diff", (query) => {
        asked.push(Object.fromEntries(query));
        return Response.json(files);
      });
      const answer = await host.ask<Diff>("GET", `${diffOf(worker)}?limit=2&cursor=0`);
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({
        base: BASE_SHA,
        head: HEAD,
        stat: files.stat,
        items: [
          { path: "b.txt", oldPath: "a.txt", status: "renamed", additions: 2, deletions: 1, binary: false },
          { path: "c.txt", status: "added", additions: 1, deletions: 0, binary: false },
        ],
        nextCursor: "2",
      });
      const rig = {
        rig_id: worker.rigId,
        rig_name: "web",
        git_url: "https://git.example/web.git",
        default_branch: "main",
      };
      const between = { ...rig, base: "refs/heads/main", head: HEAD, from: "merge_base" };
      expect(asked).toEqual([{ ...between, view: "files", limit: "2", after: "0" }]);
      // Nothing was reviewed yet: all of it is new. And all of it is this one session's.
      await host.ask("GET", `${diffOf(worker)}?range=since_review`);
      await host.ask("GET", `${diffOf(worker)}?range=session:${worker.sessionId}`);
      expect(asked.slice(1)).toEqual([
        { ...between, view: "files" },
        { ...between, view: "files" },
      ]);
    }));

  it("since a verdict begins at the head that it was about", () =>
    withTown(async (host) => {
      const worker = await submitted(host, LOG);
      const merge = host.actor.read((town) => town.merge(worker.beadId));
      await host.ask("POST", `/api/towns/${TOWN}/merges/${merge.id}/verdict`, {
        headSha: HEAD,
        verdict: "request_changes",
        feedback: "more",
      });
      let asked = "";
      host.answers.set("GET /git/diff", (query) => {
        asked = `${query.get("base")} ${query.get("head")} ${query.get("from")}`;
        return Response.json(files);
      });
      await host.ask("GET", `/api/towns/${TOWN}/beads/${merge.id}/diff?range=since_review`);
      expect(asked).toBe(`${HEAD} ${HEAD} direct`);
    }));

  it("is plain text for who asks for it, and one file's is JSON", () =>
    withTown(async (host) => {
      const worker = await submitted(host, LOG);
      const headers = { "x-diff-base": BASE_SHA, "x-diff-head": HEAD, "x-diff-truncated": "true" };
      host.answers.set(
        "GET /git/diff",
        (query) => new Response(`patch of ${query.get("path")}`, { headers }),
      );
      const whole = await raw(host, diffOf(worker), "text/plain");
      expect(whole.headers.get("content-type")).toBe("text/plain; charset=utf-8");
      expect(whole.headers.get("x-truncated")).toBe("true");
      expect(await whole.text()).toBe("patch of null");
      const one = await host.ask("GET", `${diffOf(worker)}/file?path=${encodeURIComponent("a b.txt")}`);
      expect(one.body).toEqual({
        path: "a b.txt",
        base: BASE_SHA,
        head: HEAD,
        diff: "patch of a b.txt",
        truncated: true,
      });
    }));

  it("of a session that works is its working tree's, and of one that has ended what it handed in", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const path = `/api/towns/${TOWN}/sessions/${worker.sessionId}/diff`;
      host.answers.set(`GET /agents/${worker.sessionId}/diff`, () => Response.json({ ...files, head: null }));
      expect((await host.ask<Diff>("GET", path)).body).toMatchObject({ head: null, stat: files.stat });
      await host.report(`/sessions/${worker.sessionId}/ended`, {
        epoch: worker.epoch,
        outcome: "failed",
        reason: { code: "crashed", message: "It crashed." },
        work_ref: null,
        usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
      });
      await host.until((town) => (town.session(worker.sessionId).state === "ended" ? true : undefined));
      const nothing = await host.ask("GET", path);
      expect(nothing).toMatchObject({ status: 404, body: { error: { code: "not_found" } } });
      const notYet = await host.ask("GET", diffOf(worker));
      expect(notYet).toMatchObject({ status: 404, body: { error: { code: "not_found" } } });
    }));

  it("that the runner refuses is its refusal; without a runner it says so", () =>
    withTown(async (host) => {
      const worker = await submitted(host, LOG);
      const error = { code: "repository_unusable", message: "No credential." };
      host.answers.set("GET /git/diff", () => Response.json({ error }, { status: 422 }));
      expect(await host.ask("GET", diffOf(worker))).toMatchObject({ status: 422, body: { error } });
      host.answers.set("GET /git/diff", () => Response.json({ other: 1 }));
      expect((await host.ask("GET", diffOf(worker))).body).toMatchObject({ error: { code: "runner_error" } });
      host.ports.runner.address = null;
      const none = await host.ask("GET", diffOf(worker));
      expect(none).toMatchObject({ status: 503, body: { error: { code: "runner_unavailable" } } });
      expect(none.headers.get("retry-after")).not.toBeNull();
      const bad = await host.ask("GET", `${diffOf(worker)}?range=everything`);
      expect(bad).toMatchObject({ status: 400, body: { error: { code: "validation_failed" } } });
    }));
});

describe("gt_gate_log", () => {
  it("gives an agent the log of a gate: the runner's, else the end that the town keeps", () =>
    withTown(async (host) => {
      const log = logNow(host);
      const { beadId } = await submitted(host, log);
      const review = agentOf(host, await began(host, beadId));
      host.answers.set(`GET /logs/${log}`, () => new Response("one\ntwo\nthree\n"));
      const whole = await review.call("gt_gate_log", { gate: "npm test" });
      expect(whole.data).toMatchObject({ exit_code: 0, lines: ["one", "two", "three"] });
      host.ports.runner.address = null;
      const kept = await review.call("gt_gate_log", { gate: "npm test" });
      expect(kept.data).toMatchObject({ exit_code: 0, lines: ["two", "three"] });
      expect((await review.call("gt_gate_log", { gate: "npm test", tail: 1 })).text).toContain(
        "last 1 of 2 lines",
      );
      expect(await review.call("gt_gate_log", { gate: "lint" })).toMatchObject({
        isError: true,
        text: expect.stringContaining("Those that did: npm test"),
      });
    }));
});

describe("a log", () => {
  const at = (id: string): string => `/api/towns/${TOWN}/logs/${id}`;

  it("is the runner's file, in pages, by its end, and by what stands in it", () =>
    withTown(async (host) => {
      await host.register();
      host.answers.set(`GET /logs/${LOG}`, () => new Response("one\ntwo\nthree\nTwo again\n"));
      expect((await host.ask("GET", at(LOG))).body).toEqual({
        from: 0,
        lines: ["one", "two", "three", "Two again"],
        total: 4,
        done: true,
      });
      expect((await host.ask("GET", `${at(LOG)}?from=1&lines=2`)).body).toMatchObject({
        from: 1,
        lines: ["two", "three"],
        total: 4,
      });
      expect((await host.ask("GET", `${at(LOG)}?tail=1`)).body).toMatchObject({
        from: 3,
        lines: ["Two again"],
      });
      expect((await host.ask("GET", `${at(LOG)}?q=TWO`)).body).toMatchObject({
        lines: ["two", "Two again"],
        total: 2,
      });
      expect((await host.ask("GET", `${at(LOG)}?from=9`)).body).toMatchObject({ from: 4, lines: [] });
      expect(await (await raw(host, at(LOG), "text/plain")).text()).toBe("one\ntwo\nthree\nTwo again\n");
      expect((await host.ask("GET", `${at(LOG)}?lines=5001`)).status).toBe(400);
    }));

  it("that the runner has not, or whose runner is gone, is the end that the town keeps", () =>
    withTown(async (host) => {
      const id = logNow(host);
      const { beadId } = await submitted(host, id);
      expect(host.actor.read((town) => town.merge(beadId).gates)).toMatchObject([{ logId: id }]);
      const end = { from: 0, lines: ["two", "three"], total: 2, missing: true, done: true };
      const gone = { code: "not_found", message: "This log is not on this machine (any more)." };
      host.answers.set(`GET /logs/${id}`, () => Response.json({ error: gone }, { status: 404 }));
      expect(await host.ask("GET", at(id))).toMatchObject({ status: 200, body: end });
      host.ports.runner.address = null;
      expect(await host.ask("GET", at(id))).toMatchObject({ status: 200, body: end });
      const text = await raw(host, at(id), "text/plain");
      expect([text.headers.get("x-missing"), await text.text()]).toEqual(["true", "two\nthree\n"]);
    }));

  it("that nobody has is not found, or out of reach", () =>
    withTown(async (host) => {
      await host.register();
      const gone = { code: "not_found", message: "This log is not on this machine (any more)." };
      host.answers.set(`GET /logs/${LOG}`, () => Response.json({ error: gone }, { status: 404 }));
      expect(await host.ask("GET", at(LOG))).toMatchObject({ status: 404, body: { error: gone } });
      expect((await host.ask("GET", at("log_1"))).status).toBe(404);
      host.ports.runner.address = null;
      expect(await host.ask("GET", at(LOG))).toMatchObject({
        status: 503,
        body: { error: { code: "runner_unavailable" } },
      });
    }));
});
