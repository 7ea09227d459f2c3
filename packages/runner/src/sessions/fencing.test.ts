/**
 * Two sessions, one directory. The race: a late start, a repeated start or a call of an older epoch
 * arrives after a newer session has begun, or the newer one begins before the older is gone.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Control, git, script, World } from "../testing/harness.ts";

let world: World;
let control: Control;
beforeEach(async () => {
  world = new World();
  await world.town.start();
  control = new Control(await world.runner({ cancelMs: 300 }));
  world.settleOnDone(() => control);
});
afterEach(() => world.close());

const code = (answer: { body: unknown }): unknown =>
  (answer.body as { error?: { code: string } }).error?.code;
const hang = script({ steps: [{ write: { path: "old.txt", content: "old\n" } }, "hang"] });
const work = script({ steps: [{ write: { path: "new.txt", content: "new\n" } }] });

async function hanging(): Promise<ReturnType<World["start"]>> {
  const start = world.start(hang);
  await control.post("/agents/start", start);
  const dir = join(world.root, "git", "slots", start.agent.id, world.rig.id);
  await world.town.facts.until("its file", () => existsSync(join(dir, "old.txt")));
  return start;
}

describe("a directory's epoch", () => {
  it("lets a newer session end the older one first, with its work saved before the directory is given on", async () => {
    const old = await hanging();
    const next = world.start(work, { agent: old.agent });
    expect((await control.post("/agents/start", next)).body).toMatchObject({ state: "queued" });
    const ended = await world.town.endOf(old.session_id);
    expect(ended).toMatchObject({ outcome: "stopped", reason: { code: "superseded" } });
    expect(git(world.remote, "show", `${String(ended.work_ref)}:old.txt`)).toBe("old");
    expect(await world.town.endOf(next.session_id)).toMatchObject({ reason: { code: "settled" } });
    expect(git(world.remote, "ls-tree", "--name-only", String(next.branch))).toBe("README.md\nnew.txt");
  });

  it("refuses an older one as fenced", async () => {
    const late = world.start(work);
    const newer = world.start(work, { agent: late.agent });
    await control.post("/agents/start", newer);
    const answer = await control.post("/agents/start", late);
    expect([answer.status, code(answer)]).toEqual([409, "session_fenced"]);
    await world.town.endOf(newer.session_id);
    expect(code(await control.post("/agents/start", late))).toBe("session_fenced");
  });

  it("answers the same start again with what exists", async () => {
    const start = world.start(
      script({ steps: [{ wait: 100 }, { write: { path: "a.txt", content: "a\n" } }] }),
    );
    const answers = await Promise.all([1, 2, 3].map(() => control.post("/agents/start", start)));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    await world.town.endOf(start.session_id);
    const again = await control.post("/agents/start", start);
    expect(again).toMatchObject({ status: 202, body: { state: "gone" } });
    expect(world.town.calls.filter(({ tool }) => tool === "gt_prime")).toHaveLength(1);
  });

  it("refuses calls that mean another epoch of the session", async () => {
    const start = await hanging();
    const path = `/agents/${start.session_id}`;
    const epoch = start.epoch - 1;
    const message = { message_id: "m", epoch, text: "x", mode: "now" };
    const settle = { settle_id: `settle_${"0".repeat(26)}`, epoch, no_changes: false, message: "x" };
    expect(code(await control.post(`${path}/stop`, { epoch, mode: "now" }))).toBe("session_fenced");
    expect(code(await control.post(`${path}/message`, message))).toBe("session_fenced");
    expect(code(await control.post(`${path}/settle`, settle))).toBe("session_fenced");
    expect(code(await control.get("/agents/sess_unknown/status"))).toBe("not_found");
  });
});

describe("a heartbeat's verdict", () => {
  it.each(["fenced", "unknown", "stop"] as const)(
    "%s ends the session with its work saved",
    async (verdict) => {
      const start = await hanging();
      world.town.verdicts.set(start.session_id, verdict);
      const ended = await world.town.endOf(start.session_id);
      expect(ended).toMatchObject({ outcome: "stopped", reason: { code: verdict } });
      expect(git(world.remote, "show", `${String(ended.work_ref)}:old.txt`)).toBe("old");
    },
  );
});

describe("a settle", () => {
  it("runs once per settle id and sends its result again when asked again", async () => {
    const start = world.start(
      script({ steps: [{ write: { path: "a.txt", content: "a\n" } }, "lie"], later: ["hang"] }),
    );
    await control.post("/agents/start", start);
    await world.town.facts.until("the turn's end", () =>
      world.town.said(start.session_id).includes("everything is committed"),
    );
    const body = {
      settle_id: `settle_${"1".repeat(26)}`,
      epoch: start.epoch,
      no_changes: true,
      message: "x",
    };
    const path = `/agents/${start.session_id}/settle`;
    expect((await control.post(path, body)).status).toBe(202);
    await world.town.facts.until("its result", () => world.town.settles.length === 1);
    await control.post(path, body);
    await world.town.facts.until("its result again", () => world.town.settles.length === 2);
    expect(world.town.settles[0]).toMatchObject({ result: "changes_present" });
    expect(world.town.settles[1]).toEqual(world.town.settles[0]);
  });
});
