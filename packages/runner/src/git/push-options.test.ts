/** What a rig's remote is told with pushes of branches (spec/api.md §3.13 `git.push_flags`). */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RigRef } from "@gastown/protocol";
import {
  git,
  makeFixture,
  mergeRequest,
  NEVER,
  prepareOptions,
  saveOptions,
  settleOptions,
} from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";

let f: Fixture;
let rig: RigRef;
beforeEach(() => {
  f = makeFixture();
  rig = { ...f.rig, push_options: ["ci.skip", "a b=c"] };
});
afterEach(() => f.remove());

/** What the remote was told, push by push. */
const told = (): string[] => readFileSync(join(f.base, "told"), "utf8").trim().split("\n");

test("go with the branch of a session and with a landing, and not with work that is saved", async () => {
  git(f.remote, "config", "receive.advertisePushOptions", "true");
  const hook = `#!/bin/sh\nread old new ref\necho "$ref $GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0,$GIT_PUSH_OPTION_1" >> ${f.base}/told\n`;
  writeFileSync(join(f.remote, "hooks", "pre-receive"), hook, { mode: 0o755 });
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f, { rig }));
  writeFileSync(join(dir, "a.txt"), "a\n");
  const saved = await f.workspace.saveWork(saveOptions(f, dir, { rig }));
  const settled = await f.workspace.settle(settleOptions(f, dir, { rig }));
  expect(settled.result).toBe("pushed");
  const landing = mergeRequest(f, settled.head_sha ?? "", { rig });
  expect(await f.workspace.merge(landing, () => true, NEVER)).toMatchObject({ outcome: "merged" });
  const both = "2 ci.skip,a b=c";
  expect(told()).toEqual([
    `${saved.workRef} 0 ,`,
    `refs/heads/gt/toast/1 ${both}`,
    `refs/heads/main ${both}`,
  ]);
});

test("that the remote does not take are a refusal that says so, and cost no work", async () => {
  const { dir } = await f.workspace.prepareWorktree(prepareOptions(f, { rig }));
  writeFileSync(join(dir, "a.txt"), "a\n");
  expect(await f.workspace.settle(settleOptions(f, dir, { rig }))).toMatchObject({
    result: "push_failed",
    error: { kind: "rejected", message: expect.stringContaining("git.push_flags") },
  });
  const saved = await f.workspace.saveWork(saveOptions(f, dir, { rig }));
  expect(f.remoteHead(saved.workRef ?? "")).not.toBeNull();
});
