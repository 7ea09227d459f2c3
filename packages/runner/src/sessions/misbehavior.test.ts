/** Agents that crash, hang, lie or leave a mess: the session always ends, and its work is kept. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Runner } from "../boot/start-runner.ts";
import { processStartTime } from "../processes/process-table.ts";
import { Control, git, script, World } from "../testing/harness.ts";

let world: World;
let control: Control;
beforeEach(async () => {
  world = new World();
  await world.town.start();
});
afterEach(() => world.close());

async function boot(more: Parameters<World["runner"]>[0] = {}): Promise<Runner> {
  const runner = await world.runner(more);
  control = new Control(runner);
  world.settleOnDone(() => control);
  return runner;
}

/** What a saved ref holds of a file. */
function saved(workRef: string | null, file: string): string {
  return git(world.remote, "show", `${String(workRef)}:${file}`);
}

describe("an agent that ends its turn with an error", () => {
  it("which repeats a secret: the town is told the error without it", async () => {
    await boot();
    const base = world.start("");
    const { token } = base.mcp;
    const text = `invalid request, header was Authorization: ${token}`;
    const start = world.start(script({ steps: [{ model_error: { text } }] }), {
      session_id: base.session_id,
      mcp: base.mcp,
    });
    await control.post("/agents/start", start);
    const ended = await world.town.endOf(start.session_id);
    expect(ended).toMatchObject({
      outcome: "failed",
      reason: { code: "agent_error", message: expect.stringContaining("invalid request, header was") },
    });
    expect(JSON.stringify(ended)).not.toContain(token);
  });
});

describe("an agent that crashes in its turn", () => {
  it("ends the session as failed, with what it had written saved first", async () => {
    await boot();
    const start = world.start(
      script({ steps: [{ write: { path: "half.txt", content: "half\n" } }, { crash: "kill" }] }),
    );
    await control.post("/agents/start", start);
    const ended = await world.town.endOf(start.session_id);
    expect(ended).toMatchObject({
      outcome: "failed",
      reason: { code: "agent_exited", message: expect.stringContaining("SIGKILL") },
    });
    expect(saved(ended.work_ref, "half.txt")).toBe("half");
  });

  it("ends its neighbors in the same process as well, and the next start gets a new process", async () => {
    await boot();
    const neighbor = world.start(script({ steps: [{ hang: {} }] }));
    await control.post("/agents/start", neighbor);
    await world.town.facts.until("the neighbor's turn", () =>
      world.town.calls.some(({ session }) => session === neighbor.session_id),
    );
    const start = world.start(script({ steps: [{ crash: "exit" }] }));
    await control.post("/agents/start", start);
    expect(await world.town.endOf(start.session_id)).toMatchObject({
      outcome: "failed",
      reason: { message: expect.stringContaining("code 3") },
    });
    expect(await world.town.endOf(neighbor.session_id)).toMatchObject({ outcome: "failed" });
    const next = world.start(script({ steps: [{ write: { path: "b.txt", content: "b\n" } }] }));
    await control.post("/agents/start", next);
    expect(await world.town.endOf(next.session_id)).toMatchObject({
      outcome: "completed",
      reason: { code: "settled" },
    });
  });
});

describe("an agent that hangs", () => {
  it("is stopped now: cancel is not answered, so its process is killed and its work saved", async () => {
    await boot({ cancelMs: 200 });
    const start = world.start(
      script({ steps: [{ write: { path: "half.txt", content: "half\n" } }, "hang"] }),
    );
    await control.post("/agents/start", start);
    const dir = join(world.root, "git", "slots", start.agent.id, world.rig.id);
    await world.town.facts.until("its file", () => existsSync(join(dir, "half.txt")));
    const path = `/agents/${start.session_id}/stop`;
    expect((await control.post(path, { epoch: start.epoch, mode: "now" })).status).toBe(202);
    const ended = await world.town.endOf(start.session_id);
    expect(ended).toMatchObject({ outcome: "stopped", reason: { code: "stopped" } });
    expect(saved(ended.work_ref, "half.txt")).toBe("half");
    expect((await control.post(path, { epoch: start.epoch, mode: "now" })).status).toBe(202);
    expect(world.town.ended.filter(({ session }) => session === start.session_id)).toHaveLength(1);
  });

  it("is noticed by our own clock when nobody stops it", async () => {
    await boot({ cancelMs: 200, quietMs: 3_000 });
    const start = world.start(script({ steps: ["hang"] }));
    await control.post("/agents/start", start);
    const ended = await world.town.endOf(start.session_id);
    expect(ended).toMatchObject({ outcome: "failed", reason: { code: "agent_hung" } });
    expect(world.town.itemsOf(start.session_id).some(({ type }) => type === "notice")).toBe(true);
  });

  it("is left alone while a tool runs", async () => {
    await boot({ quietMs: 2_500 });
    const start = world.start(
      script({ steps: [{ wait: 4_000 }, { write: { path: "c.txt", content: "c\n" } }] }),
    );
    await control.post("/agents/start", start);
    expect(await world.town.endOf(start.session_id)).toMatchObject({ outcome: "completed" });
  });
});

describe("an agent that says that it is done and is not", () => {
  it("is asked once, and ends as completed when it stays silent", async () => {
    await boot({ minuteMs: 150 });
    const start = world.start(script({ steps: [{ write: { path: "lie.txt", content: "x\n" } }, "lie"] }));
    await control.post("/agents/start", start);
    const ended = await world.town.endOf(start.session_id);
    expect(ended).toMatchObject({ outcome: "completed", reason: { code: "idle" } });
    expect(saved(ended.work_ref, "lie.txt")).toBe("x");
    const started = world.town
      .itemsOf(start.session_id)
      .filter(({ type, data }) => type === "turn" && data["phase"] === "started");
    expect(started.map(({ data }) => data["promptSource"])).toEqual(["start", "continue"]);
  });

  it("hands over when the reminder makes it", async () => {
    await boot();
    const start = world.start(
      script({ steps: ["lie"], later: [{ write: { path: "late.txt", content: "late\n" } }, { done: {} }] }),
    );
    await control.post("/agents/start", start);
    expect(await world.town.endOf(start.session_id)).toMatchObject({
      outcome: "completed",
      reason: { code: "settled" },
    });
    expect(git(world.remote, "show", `${String(start.branch)}:late.txt`)).toBe("late");
  });

  it("is not asked when the town counts its session as over: a verdict was recorded", async () => {
    await boot({ minuteMs: 60_000 });
    const start = world.start("", { role: "refinery", branch: null }, { source: null });
    world.town.onCall = ({ tool, session }) => {
      if (tool === "gt_approve") world.town.verdicts.set(session, "fenced");
      return null;
    };
    await control.post("/agents/start", start);
    await world.town.endOf(start.session_id);
    expect(world.town.calls.filter(({ tool }) => tool === "gt_approve")).toHaveLength(1);
    expect(
      world.town
        .itemsOf(start.session_id)
        .filter(({ type, data }) => type === "turn" && data["phase"] === "started"),
    ).toHaveLength(1);
  });
});

describe("an agent that leaves a mess", () => {
  it("has its uncommitted files committed by the settle", async () => {
    await boot();
    const start = world.start(script({ steps: ["dirty"] }));
    await control.post("/agents/start", start);
    await world.town.endOf(start.session_id);
    expect(world.town.settles).toMatchObject([{ result: "pushed", committed_dirty: true }]);
    expect(git(world.remote, "show", `${String(start.branch)}:DIRTY.md`)).toBe("left uncommitted");
  });

  it("without a change is told so and asked to finish", async () => {
    await boot({ minuteMs: 100 });
    const start = world.start(script({ steps: ["no_commit"] }));
    await control.post("/agents/start", start);
    expect(await world.town.endOf(start.session_id)).toMatchObject({
      outcome: "completed",
      reason: { code: "idle" },
      work_ref: null,
    });
    expect(world.town.settles).toMatchObject([{ result: "nothing_to_push" }]);
    expect(world.town.said(start.session_id)).toContain("gt_done was refused");
  });

  it("that floods has everything it said kept, joined to few items", async () => {
    await boot();
    const start = world.start(
      script({ steps: [{ flood: 2_000 }, { write: { path: "d.txt", content: "d\n" } }] }),
    );
    await control.post("/agents/start", start);
    await world.town.endOf(start.session_id);
    const said = world.town.said(start.session_id);
    expect(said.match(/flood \d+ of 2000/g)).toHaveLength(2_000);
    expect(world.town.itemsOf(start.session_id).length).toBeLessThan(100);
  });

  it("in the background has its processes ended with its session", async () => {
    await boot();
    const start = world.start(
      script({
        steps: [{ run: "setsid sleep 1000 > /dev/null 2>&1 & echo $! > pid" }, { run: "cp pid ../pid" }],
      }),
    );
    await control.post("/agents/start", start);
    await world.town.endOf(start.session_id);
    const pid = git(world.remote, "show", `${String(start.branch)}:pid`);
    expect(processStartTime(Number(pid))).toBeNull();
  });
});
