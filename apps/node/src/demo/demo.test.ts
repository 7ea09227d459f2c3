/** `gastown demo`, from one sentence to landed commits, with the real executable. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { World, type Finished } from "../testing/executable.ts";
import { git } from "./git.ts";
import { TASK_COUNT } from "./tasks.ts";

const world = new World();
/** Everything temporary of a demo goes here, so that what it leaves behind can be seen. */
const temporary = join(world.root, "tmp");
beforeAll(() => {
  mkdirSync(temporary);
});
afterAll(() => world.end());

const report = z.strictObject({
  landed: z.boolean(),
  convoy: z.object({ id: z.string(), title: z.string(), state: z.string() }).nullable(),
  beads: z.array(
    z.object({ id: z.string(), title: z.string(), status: z.string(), reason: z.string().nullable() }),
  ),
  commits: z.array(z.object({ sha: z.string(), subject: z.string(), author: z.string() })),
  duration_ms: z.int(),
  agents: z.array(z.object({ name: z.string(), role: z.string(), runtime: z.string() })),
  repository: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});

const play = (args: readonly string[] = []): Promise<Finished> =>
  world.run(["demo", ...args], { env: { TMPDIR: temporary } });

/** The files that a branch holds. */
const filesOf = async (repository: string, branch: string): Promise<string[]> =>
  (await git(["ls-tree", "-r", "--name-only", branch], { cwd: repository })).split("\n");

describe("gastown demo", () => {
  it("lands a convoy with rework in it, and prints one JSON object", async () => {
    const finished = await play(["--json"]);
    expect(finished.code).toBe(0);
    const result = finished.json(report);
    expect(result).toMatchObject({ landed: true, convoy: { state: "landed" } });
    expect(result.beads).toHaveLength(TASK_COUNT);
    expect(result.beads.every((bead) => bead.status === "closed" && bead.reason === "merged")).toBe(true);
    expect(result.agents.map((agent) => agent.role)).toEqual(
      expect.arrayContaining(["mayor", "polecat", "refinery"]),
    );
    expect(result.agents.every((agent) => agent.runtime === "scripted")).toBe(true);
    // The rework is a commit of its own, after a review that asked for it.
    expect(result.commits.map((commit) => commit.subject)).toContain("Take leave of nobody in particular");
    const remote = result.repository ?? "";
    // The repository is kept for whoever reads the report, and nothing else is.
    expect(readdirSync(dirname(remote))).toEqual([basename(remote)]);
    expect(await filesOf(remote, "main")).toEqual(
      expect.arrayContaining(["src/cli.mjs", "test/cli.test.mjs"]),
    );
    expect(await git(["show", "main:src/farewell.mjs"], { cwd: remote })).toContain('known === ""');
    expect(await git(["rev-parse", "main"], { cwd: remote })).toBe(result.commits[0]?.sha);
    expect(finished.stderr).toMatch(/scripted.*no model is called/);
    // Two or three were worked on at the same time.
    expect(
      new Set(result.agents.filter((agent) => agent.role === "polecat").map((agent) => agent.name)).size,
    ).toBeGreaterThan(1);
  });

  it("tells the story to people, says at both ends that agents are scripted, and cleans up", async () => {
    const before = readdirSync(temporary);
    const finished = await play();
    expect(finished.code).toBe(0);
    const lines = finished.stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/scripted.*no model is called/);
    expect(finished.stdout).toMatch(/Changes requested on Say farewell/);
    expect(finished.stdout).toMatch(/Landed in .*5 of 5 beads/);
    expect(finished.stdout).toMatch(/No model was called/);
    expect(finished.stdout).toMatch(/\* {3}[0-9a-f]{7} Teach the greeter some manners/);
    expect(finished.stdout).not.toContain("\u001B[");
    expect(readdirSync(temporary)).toEqual(before);
  });

  it("says what waits for what when the time is over, and exits with 7", async () => {
    const finished = await play(["--json", "--timeout", "0.2"]);
    expect(finished.code).toBe(7);
    const result = finished.json(report);
    expect(result.landed).toBe(false);
    expect(result.error?.message).toMatch(/in time|within 0\.2 s/);
  });
});

describe("gastown demo --repo", () => {
  /** A repository of somebody, with tests that pass, or not. */
  async function ownedBySomebody(name: string, test: string): Promise<string> {
    const seed = join(world.root, `${name}-work`);
    mkdirSync(seed);
    writeFileSync(join(seed, "package.json"), JSON.stringify({ name, scripts: { test } }));
    await git(["init", "--quiet", "--initial-branch=trunk", seed]);
    await git(["add", "--all"], { cwd: seed });
    await git(["-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", "Mine"], {
      cwd: seed,
    });
    const bare = join(world.root, `${name}.git`);
    await git(["clone", "--quiet", "--bare", seed, bare]);
    return bare;
  }

  it("works on a clone, tests with the repository's own tests, and leaves the original alone", async () => {
    const original = await ownedBySomebody("theirs", "node --version");
    const before = await git(["for-each-ref"], { cwd: original });
    const finished = await play(["--json", "--keep", "--repo", original]);
    expect(finished.code).toBe(0);
    const result = finished.json(report);
    expect(result.landed).toBe(true);
    expect(finished.stderr).toMatch(/its own `npm test` must pass/);
    const files = await filesOf(result.repository ?? "", "trunk");
    expect(files).toContain("gastown-demo/src/cli.mjs");
    expect(files.filter((file) => !file.startsWith("gastown-demo/"))).toEqual(["package.json"]);
    expect(await git(["for-each-ref"], { cwd: original })).toBe(before);
  });

  it("with --push lands in the original; tests that fail as it is decide nothing", async () => {
    const original = await ownedBySomebody("failing", "exit 3");
    const finished = await play(["--push", "--repo", original]);
    expect(finished.code).toBe(0);
    expect(finished.stdout).toMatch(/Its own `npm test` fails/i);
    expect(finished.stdout).toMatch(/5 of 5 beads, \d+ commits on trunk\./);
    const head = await git(["rev-parse", "--short=7", "trunk"], { cwd: original });
    expect(finished.stdout).toContain(`${head} Teach the greeter some manners`);
  });

  it("that cannot be cloned, or is empty, is told in one sentence", async () => {
    const missing = await play(["--repo", join(world.root, "nowhere")]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/^error: .*nowhere could not be cloned/m);
    const empty = join(world.root, "empty.git");
    await git(["init", "--quiet", "--bare", empty]);
    const nothing = await play(["--repo", empty]);
    expect(nothing.code).toBe(1);
    expect(nothing.stderr).toMatch(/^error: .*has no commits yet/m);
    expect((await play(["--push"])).code).toBe(2);
  });
});
