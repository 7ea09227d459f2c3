/** Gates and setup commands (spec/review.md §2). */
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { GatesRequest } from "@gastown/protocol";
import { LogStore } from "../logs/log-store.ts";
import type { GateResult } from "./gates.ts";
import { Semaphore } from "./waiting.ts";
import { createGitWorkspace } from "./workspace.ts";
import { gate, gatesRequest, makeFixture, NEVER } from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";

let f: Fixture;
let head: string;

beforeEach(() => {
  f = makeFixture();
  head = f.personPushes("work", { "a.txt": "a" });
});
afterEach(() => f.remove());

/** Whether a process still runs; one that nobody has reaped yet does not. */
function runs(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.trim().startsWith("Z");
}

async function run(more: Partial<GatesRequest>, signal = NEVER): Promise<GateResult[]> {
  const outcome = await f.workspace.runGates(gatesRequest(f, head, more), signal);
  if (outcome.outcome !== "gates_done") throw new Error(JSON.stringify(outcome));
  return outcome.gates;
}

test("in order, each with its result, at the wanted head, nothing left behind", async () => {
  const results = await run({
    setup: [{ command: "touch prepared" }],
    gates: [
      gate("one", "test -e a.txt && test -e prepared && echo out && echo err >&2"),
      gate("two", "exit 7"),
      gate("three", "true"),
    ],
  });
  expect(results.map((result) => [result.name, result.exit_code, result.log_tail])).toEqual([
    ["one", 0, "out\nerr\n"],
    ["two", 7, ""],
    ["three", 0, ""],
  ]);
  expect(readdirSync(join(f.root, "scratch"))).toEqual([]);
  expect(readdirSync(join(f.root, "mirrors", `${f.rig.id}.git`, "worktrees"))).toEqual([]);
});

test("a setup command that fails is listed; a required one ends the run", async () => {
  const setup = [{ command: "exit 4", required: false }, { command: "exit 5" }, { command: "touch never" }];
  const results = await run({ setup, gates: [gate("one", "true")] });
  expect(results.map((result) => [result.name, result.exit_code, result.required])).toEqual([
    ["setup: exit 4", 4, false],
    ["setup: exit 5", 5, true],
  ]);
});

test("out of time: no exit code, and its children are gone", async () => {
  const pid = join(f.base, "pid");
  const [slow] = await run({
    gates: [gate("slow", `sleep 600 & echo $! > ${pid}; echo begun; wait`, { timeout_seconds: 5 })],
  });
  expect(slow).toMatchObject({ name: "slow", exit_code: null, required: true });
  expect(slow?.log_tail).toContain("begun\n");
  expect(slow?.log_tail).toContain("ended after 5 s");
  expect(runs(Number(readFileSync(pid, "utf8")))).toBe(false);
});

test("what a gate leaves running is ended with it", async () => {
  const pid = join(f.base, "pid");
  const [daemon] = await run({ gates: [gate("daemon", `sleep 600 & echo $! > ${pid}`)] });
  expect(daemon?.exit_code).toBe(0);
  expect(runs(Number(readFileSync(pid, "utf8")))).toBe(false);
});

test("a flood keeps its end only", async () => {
  const [flood] = await run({ gates: [gate("flood", "yes line | head -n 200000; echo the end")] });
  expect(flood?.log_tail.length).toBeLessThanOrEqual(16_000);
  expect(flood?.log_tail).toMatch(/the end\n$/);
});

test("the environment is the given one and no more", async () => {
  const [env] = await run({ gates: [gate("env", "env")], env: { WORD: "hello" } });
  const names = (env?.log_tail ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("=")[0]);
  const allowed = new Set(["PATH", "HOME", "LANG", "TMPDIR", "WORD", "PWD", "OLDPWD", "SHLVL", "_"]);
  expect(names.filter((name) => !allowed.has(name ?? ""))).toEqual([]);
  expect(env?.log_tail).toContain("WORD=hello\n");
});

test("the marker of the runner is on them, its credentials are not", async () => {
  const gitEnv = { GASTOWN_MARKER: "m1", SSH_AUTH_SOCK: "/nowhere", GIT_ASKPASS: "/nowhere" };
  const own = createGitWorkspace({ root: f.root, log: () => undefined, gitEnv, allowLocal: true });
  const outcome = await own.runGates(gatesRequest(f, head, { gates: [gate("env", "env")] }), NEVER);
  const log = outcome.outcome === "gates_done" ? (outcome.gates[0]?.log_tail ?? "") : "";
  expect(log).toContain("GASTOWN_MARKER=m1\n");
  expect(log).not.toContain("nowhere");
});

test("complete logs are kept beside their ends, without the secrets of the environment", async () => {
  const logs = new LogStore(join(f.base, "logs"));
  const own = createGitWorkspace({ root: f.root, log: () => undefined, gitEnv: {}, allowLocal: true, logs });
  const gates = [gate("long", "echo $API_KEY $CITY; seq 1 20000; exit 3"), gate("short", "echo fine")];
  const env = { API_KEY: "key-0123456789", CITY: "nobody-may-know" };
  const asked = gatesRequest(f, head, { gates, env, secret_env: ["CITY"] });
  const outcome = await own.runGates(asked, NEVER);
  if (outcome.outcome !== "gates_done") throw new Error(JSON.stringify(outcome));
  const texts = await Promise.all(
    outcome.gates.map(async ({ log_ref }) => {
      const found = await logs.open(log_ref ?? "");
      return found === null ? null : text(found.text);
    }),
  );
  const numbers = Array.from({ length: 20_000 }, (_, i) => `${i + 1}\n`).join("");
  expect(texts).toEqual([`[secret] [secret]\n${numbers}`, "fine\n"]);
  expect(outcome.gates[0]?.log_tail).toBe(numbers.slice(-16_000));
});

test("at most two runs at once", async () => {
  const folder = join(f.base, "running");
  // Each run notes how many it sees; it waits for a second one, so that the limit is reached for sure.
  const body = `mkdir -p ${folder}; touch ${folder}/$$; ls ${folder} | wc -l >> ${f.base}/seen; `;
  const wait = `n=0; while [ $(cat ${f.base}/seen | wc -l) -lt 2 ] && [ $n -lt 3000 ]; do sleep 0.02; n=$((n+1)); done; rm ${folder}/$$`;
  await Promise.all(Array.from({ length: 5 }, () => run({ gates: [gate("wait", body + wait)] })));
  const seen = readFileSync(join(f.base, "seen"), "utf8").trim().split("\n").map(Number);
  expect(seen).toHaveLength(5);
  expect(Math.max(...seen)).toBe(2);
});

test("takes its place among what else takes a whole machine", async () => {
  const taken: number[] = [];
  class Places extends Semaphore {
    override run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
      taken.push(1);
      return super.run(signal, work);
    }
  }
  const { root } = f;
  const workspace = createGitWorkspace({
    root,
    log: () => undefined,
    gitEnv: {},
    allowLocal: true,
    heavyRuns: new Places(1),
  });
  const outcome = await workspace.runGates(gatesRequest(f, head, { gates: [gate("one", "true")] }), NEVER);
  expect([outcome.outcome, taken]).toEqual(["gates_done", [1]]);
});

test("an unknown head", async () => {
  const none = "1".repeat(40);
  expect(await f.workspace.runGates(gatesRequest(f, none), NEVER)).toEqual({
    outcome: "missing_ref",
    ref: none,
  });
});

test("aborted: the gate is ended and its worktree is gone", async () => {
  const stop = new AbortController();
  const begun = join(f.base, "begun");
  execFileSync("mkfifo", [begun]);
  const running = run({ gates: [gate("slow", `echo $$ > ${begun}; exec sleep 600`)] }, stop.signal);
  running.catch(() => undefined);
  // A fifo's reader waits for its writer: the gate runs.
  const pid = Number(await readFile(begun, "utf8"));
  stop.abort(new Error("stopped by the test"));
  await expect(running).rejects.toThrow("stopped by the test");
  expect(runs(pid)).toBe(false);
  expect(readdirSync(join(f.root, "scratch"))).toEqual([]);
});
