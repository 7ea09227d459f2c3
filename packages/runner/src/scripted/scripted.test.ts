/** The scripted agent at work, through the runner: fix beads, reviews, questions, later attempts. */
import { appendFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PrimeContext, StartRequest } from "@gastown/protocol";
import { Control, git, script, World } from "../testing/harness.ts";

let world: World;
let control: Control;
beforeEach(async () => {
  world = new World();
  await world.town.start();
  control = new Control(await world.runner({ minuteMs: 100 }));
  world.settleOnDone(() => control);
});
afterEach(() => world.close());

async function run(
  body: string,
  more: Partial<StartRequest> = {},
  prime: Partial<PrimeContext> = {},
): Promise<StartRequest> {
  const start = world.start(body, more, prime);
  await control.post("/agents/start", start);
  await world.town.endOf(start.session_id);
  return start;
}

/** The steps that a session called on the town, without gt_prime. */
const calls = ({ session_id }: StartRequest): [string, unknown][] =>
  world.town.calls
    .filter(({ session, tool }) => session === session_id && tool !== "gt_prime")
    .map(({ tool, args }) => [tool, args]);

describe("the scripted agent", () => {
  it("leaves an honest note for a bead without a script", async () => {
    const start = await run("Please add dark mode.");
    const files = git(world.remote, "ls-tree", "--name-only", String(start.branch)).split("\n");
    const note = files.find((name) => name.startsWith("NOTES-"));
    expect(git(world.remote, "show", `${String(start.branch)}:${String(note)}`)).toBe("- Add a thing");
  });

  it("resolves a conflict by keeping both sides", async () => {
    const first = await run(
      script({ steps: [{ append: { path: "README.md", content: "ours\n" } }, { commit: "ours" }] }),
    );
    const seed = `${world.dir}/seed`;
    git(seed, "pull", "--quiet", "origin", "main");
    git(seed, "config", "user.name", "x");
    execAppend(seed);
    const branch = first.branch;
    const bead = {
      id: `bead_${"3".repeat(26)}`,
      title: "Resolve",
      body: "",
      kind: "conflict" as const,
      priority: "medium" as const,
      attempt: 1,
    };
    const fix = await run(
      "",
      {
        branch,
        start_point: `refs/heads/${String(branch)}`,
        start_head: git(world.remote, "rev-parse", String(branch)),
      },
      { bead, target: "main", branch },
    );
    expect(git(world.remote, "show", `${String(fix.branch)}:README.md`)).toBe("# Seed\nours\ntheirs");
    expect(git(world.remote, "merge-base", "--is-ancestor", "main", String(fix.branch))).toBe("");
  });

  it("asks a person and then waits instead of handing over", async () => {
    const start = await run(script({ steps: [{ ask: { title: "Which color?", severity: "high" } }] }));
    expect(calls(start)).toEqual([["gt_escalate", { title: "Which color?", severity: "high" }]]);
    expect(world.town.settles).toEqual([]);
  });

  it("gives the verdicts of its script as a refinery", async () => {
    const refinery = { role: "refinery" as const, branch: null };
    const body = script({
      review: [
        [{ request_changes: { feedback: "no tests", files: [{ path: "a.txt", line: 1 }] } }],
        [{ approve: "fine" }],
      ],
    });
    const review = { id: "m", branch: "b", target: "main", head_sha: "h", gates: [] };
    const source = { id: "bead_1", title: "x", body };
    const first = await run("", refinery, { source, review: { ...review, round: 1 } });
    const second = await run("", refinery, { source, review: { ...review, round: 2 } });
    expect(calls(first)).toEqual([
      ["gt_request_changes", { feedback: "no tests", files: [{ path: "a.txt", line: 1 }] }],
    ]);
    expect(calls(second)).toEqual([["gt_approve", { summary: "fine" }]]);
  });

  it("stops at a step that fails, says so, and hands nothing over", async () => {
    const start = await run(
      script({ steps: [{ run: "exit 4" }, { write: { path: "never", content: "" } }] }),
    );
    expect(calls(start)).toEqual([]);
    expect(world.town.said(start.session_id)).toContain('[scripted] I stop: "exit 4" ended with 4');
  });

  it("says that a script cannot be read", async () => {
    const start = await run("```gastown-script\n{nonsense\n```");
    expect(world.town.said(start.session_id)).toContain(
      "[scripted] I stop: the gastown-script block cannot be read",
    );
  });

  it("hands over with no_changes when its script says so", async () => {
    const start = await run(script({ steps: [{ done: { summary: "nothing to do", no_changes: true } }] }));
    expect(calls(start)).toEqual([["gt_done", { summary: "[scripted] nothing to do", no_changes: true }]]);
    expect(world.town.ended[0]).toMatchObject({ outcome: "completed", reason: { code: "settled" } });
  });

  it("asks again while the town says that it is still running", async () => {
    let asked = 0;
    world.town.onCall = ({ tool }) => {
      if (tool !== "gt_done") return null;
      asked += 1;
      return asked < 3
        ? { text: "timeout: still running, call again.", isError: true }
        : { text: "Submitted." };
    };
    await run(script({ steps: [{ write: { path: "a", content: "a" } }, "done"] }));
    expect(asked).toBe(3);
  });

  it("reports its tools and its usage", async () => {
    const start = await run(
      script({ steps: [{ run: "echo hello" }, { write: { path: "a", content: "a" } }] }),
    );
    const tools = world.town
      .itemsOf(start.session_id)
      .map(({ data }) => data["update"] as Record<string, unknown> | undefined);
    expect(
      tools.find((update) => update?.["title"] === "echo hello" && update["status"] === "completed"),
    ).toMatchObject({
      sessionUpdate: "tool_call",
      kind: "execute",
      content: [{ content: { text: "hello\n" } }],
    });
    const { usage } = world.town.ended[0] ?? {};
    expect(usage?.tokens_in).toBeGreaterThan(0);
    expect(usage?.tokens_out).toBeGreaterThan(0);
    expect(usage).toMatchObject({ usd: 0, usd_known: true });
  });
});

function execAppend(seed: string): void {
  git(seed, "checkout", "--quiet", "main");
  appendFileSync(`${seed}/README.md`, "theirs\n");
  git(seed, "commit", "--quiet", "-am", "theirs");
  git(seed, "push", "--quiet", "origin", "main");
}
