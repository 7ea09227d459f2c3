/**
 * A remote of whose requests every fourth one fails, in each of three ways: what is done in spite of it
 * ends right, and once (spec/runner.md §5, spec/review.md §3). One fetch takes three requests in a row, so
 * with every third one failing nobody could ever fetch.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RigRef } from "@gastown/protocol";
import {
  commitFiles,
  gate,
  git,
  id,
  makeFixture,
  mergeRequest,
  NEVER,
  prepareOptions,
  saveOptions,
  settleOptions,
} from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";
import { serveHttp } from "./testing/http-remote.ts";
import type { Fault, HttpRemote } from "./testing/http-remote.ts";
import type { GitWorkspace } from "./types.ts";
import { createGitWorkspace } from "./workspace.ts";

let f: Fixture;
let http: HttpRemote;
let rig: RigRef;

beforeEach(async () => {
  f = makeFixture();
  http = await serveHttp(f.base);
  rig = { ...f.rig, git_url: `${http.origin}/remote.git` };
});
afterEach(async () => {
  await http.close();
  f.remove();
});

const FAULTS: readonly Fault[] = ["unavailable", "cut", "lost"];

/** Every fourth request from `first` on, by turns in each way. */
function failing(first: number): void {
  http.fault = (index) =>
    index % 4 === first ? (FAULTS[Math.floor(index / 4) % FAULTS.length] ?? null) : null;
}

/** As the town does: what failed for now is asked for again, as often as it may be. */
async function until<T>(done: (answer: T) => boolean, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const answer = await ask();
    if (done(answer) || tries === 5) return answer;
  }
}

async function workspaceHere(): Promise<GitWorkspace> {
  const own = createGitWorkspace({
    root: join(f.base, "http"),
    log: () => undefined,
    gitEnv: {},
    allowLocal: false,
  });
  const ready = await until(
    ({ outcome }) => outcome === "rig_ready",
    () => own.setupRig(rig, NEVER),
  );
  expect(ready).toMatchObject({ outcome: "rig_ready" });
  return own;
}

test.each([0, 1, 2, 3])("from request %i on: saved, settled and landed, each once", async (first) => {
  failing(first);
  const own = await workspaceHere();
  const { dir } = await own.prepareWorktree(prepareOptions(f, { rig }));
  commitFiles(dir, { "a.txt": "a\n" });
  writeFileSync(join(dir, "b.txt"), "b\n");
  const wip = `refs/gastown/wip/${id("sess", "1")}`;
  expect(await own.saveWork(saveOptions(f, dir, { rig }))).toEqual({ workRef: wip });
  const settled = await until(
    ({ error }) => error?.kind !== "network",
    () => own.settle(settleOptions(f, dir, { rig })),
  );
  expect(settled).toMatchObject({ result: "pushed", commits: 2 });
  const head = settled.head_sha ?? "";
  expect(f.remoteHead("refs/heads/gt/toast/1")).toBe(head);

  const request = mergeRequest(f, head, { rig, gates: [gate("both", "cat a.txt b.txt")] });
  const merged = await until(
    ({ outcome }) => outcome !== "error",
    () => own.merge(request, () => true, NEVER),
  );
  expect(merged).toMatchObject({ outcome: "merged" });
  // Main has what it began with and one merge, whatever was asked how often.
  const line = git(f.remote, "log", "--first-parent", "--format=%s", "main").split("\n");
  expect(line).toEqual(["Land the work", "Begin"]);
  expect(f.remoteHas(head, "refs/heads/main")).toBe(true);
  http.fault = null;
  expect(await own.merge(request, () => true, NEVER)).toMatchObject({ outcome: "merged", already: true });
  expect(git(f.remote, "log", "--first-parent", "--format=%s", "main").split("\n")).toEqual(line);
  expect(http.faults).toBeGreaterThan(5);
});

test("a remote that is away altogether is told after three tries, and one that refuses after one", async () => {
  const own = await workspaceHere();
  http.requests.length = 0;
  http.status = 503;
  expect(await own.check(rig.git_url, undefined, NEVER)).toMatchObject({ problem: "unreachable" });
  expect(http.requests).toHaveLength(3);
  http.requests.length = 0;
  http.status = 401;
  expect(await own.check(rig.git_url, undefined, NEVER)).toMatchObject({ problem: "auth" });
  expect(http.requests).toHaveLength(1);
});
