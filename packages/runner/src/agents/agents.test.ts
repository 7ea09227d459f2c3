/** Agents as processes: what reaches them, how they are shared, and starts that cannot work. */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { markedProcesses } from "../processes/process-table.ts";
import { directoryMarker } from "../processes/reap.ts";
import { Control, git, script, SCRIPTED_PROGRAM, World } from "../testing/harness.ts";

let world: World;
let control: Control;
beforeEach(async () => {
  world = new World();
  await world.town.start();
});
afterEach(() => world.close());

async function boot(more: Parameters<World["runner"]>[0] = {}): Promise<void> {
  control = new Control(await world.runner(more));
  world.settleOnDone(() => control);
}

/** Agent processes, told apart by their markers (a tool of one carries the same). */
const processes = (): Set<string> =>
  new Set(markedProcesses(directoryMarker(world.root)).map(({ marker }) => marker));

describe("what an agent can see", () => {
  it("is the allow-list, never the host's secrets", async () => {
    const hostEnv = {
      PATH: process.env["PATH"],
      HOME: world.dir,
      GH_TOKEN: "ghp_secret",
      AWS_SECRET_ACCESS_KEY: "aws-secret",
      GASTOWN_BOOT_SECRET: "boot",
    };
    await boot({ hostEnv });
    const start = world.start(script({ steps: [{ run: "env | sort > env.txt" }] }), {});
    const settings = { ...start.settings, env: { TOWN_SETTING: "on" } };
    await control.post("/agents/start", { ...start, settings });
    await world.town.endOf(start.session_id);
    const env = git(world.remote, "show", `${String(start.branch)}:env.txt`)
      .split("\n")
      .map((line) => line.split("=")[0]);
    // PWD, OLDPWD, SHLVL and _ are made by the shell itself, the last two by the scripted agent's step.
    const made = ["PWD", "OLDPWD", "SHLVL", "_", "SCRIPTED_MODEL", "SCRIPTED_TURN"];
    const own = ["GASTOWN_API_URL", "GASTOWN_MARKER", "GASTOWN_TOWN_ID", "HOME", "PATH", "TOWN_SETTING"];
    expect(env.filter((name) => !made.includes(name ?? ""))).toEqual(own);
  });
});

describe("the pool", () => {
  it("shares one process between sessions up to its limit, and none between different specs", async () => {
    await boot();
    const body = script({ steps: ["hang"] });
    const first = world.start(body);
    const settings = { ...first.settings, sessions_per_process: 2 };
    const starts = [first, ...[1, 2].map(() => world.start(body))].map((start) => ({ ...start, settings }));
    const other = world.start(body);
    starts.push({ ...other, settings: { ...settings, env: { A: "1" } } });
    for (const start of starts) await control.post("/agents/start", start);
    await world.town.facts.until(
      "all turns",
      () => new Set(world.town.calls.map(({ session }) => session)).size === 4,
    );
    expect(processes().size).toBe(3);
  });

  it("ends a process that nobody wants any more", async () => {
    await boot({ minuteMs: 60 });
    const start = world.start(script({ steps: [{ write: { path: "a", content: "a" } }] }));
    await control.post("/agents/start", start);
    await world.town.endOf(start.session_id);
    await world.town.facts.until("an empty pool", () => processes().size === 0);
    const next = world.start(script({ steps: [{ write: { path: "b", content: "b" } }] }));
    await control.post("/agents/start", next);
    expect(await world.town.endOf(next.session_id)).toMatchObject({ reason: { code: "settled" } });
  });
});

describe("a start that cannot work", () => {
  it("is refused at once for a runtime that is not installed", async () => {
    await boot({ hostEnv: { PATH: "/nonexistent", HOME: world.dir } });
    const answer = await control.post("/agents/start", world.start("", { runtime: "kilo" }));
    expect(answer).toMatchObject({
      status: 422,
      body: {
        error: {
          code: "runtime_missing",
          details: { action: expect.stringContaining("npm install -g @kilocode/cli") },
        },
      },
    });
  });

  it("is refused when the agent dies during the handshake, with its last words", async () => {
    const command = join(world.dir, "broken-agent");
    writeFileSync(command, "#!/bin/sh\necho 'cannot start: token is sk-abcdefghijklmnop1234' >&2\nexit 7\n");
    chmodSync(command, 0o755);
    await boot({ runtimeOverrides: { custom: { command } } });
    const start = world.start("", { runtime: "custom" });
    await control.post("/agents/start", start);
    const { outcome, reason } = await world.town.endOf(start.session_id);
    expect(outcome).toBe("refused");
    expect(reason).toMatchObject({
      code: "agent_exited",
      phase: "process",
      message: expect.stringContaining("code 7"),
    });
    expect(reason.stderr_tail).toBe("cannot start: token is [secret]");
  });

  it("is tried again when the agent dies before it can be talked to", async () => {
    const command = join(world.dir, "shy-agent");
    const fails = `[ "$(ls ${world.dir}/tries* 2>/dev/null | wc -l)" -ge 2 ]`;
    const real = `exec ${process.execPath} ${SCRIPTED_PROGRAM}`;
    writeFileSync(command, `#!/bin/sh\n${fails} && ${real}\ntouch ${world.dir}/tries$$\nexit 1\n`);
    chmodSync(command, 0o755);
    await boot({ runtimeOverrides: { custom: { command } } });
    const start = world.start(script({ steps: [{ write: { path: "a", content: "a" } }] }), {
      runtime: "custom",
    });
    await control.post("/agents/start", start);
    expect(await world.town.endOf(start.session_id)).toMatchObject({ reason: { code: "settled" } });
  });

  it("is refused when the tools are not listed in time", async () => {
    await boot({ toolsMs: 300 });
    world.town.toolsAreListed = false;
    const start = world.start(script({ steps: [] }));
    await control.post("/agents/start", start);
    expect(await world.town.endOf(start.session_id)).toMatchObject({
      outcome: "refused",
      reason: { code: "tools_missing", phase: "tools", action: expect.stringContaining(start.mcp.url) },
    });
    expect(world.town.calls).toEqual([]);
  });

  it("is refused for a start point that does not exist, and the next start works", async () => {
    await boot();
    const start = world.start("", { start_point: "refs/heads/nowhere" });
    await control.post("/agents/start", start);
    expect(await world.town.endOf(start.session_id)).toMatchObject({
      outcome: "refused",
      reason: { code: "missing_start_point", phase: "repository" },
    });
    const next = world.start(script({ steps: [{ write: { path: "a", content: "a" } }] }), {
      agent: start.agent,
    });
    await control.post("/agents/start", next);
    expect(await world.town.endOf(next.session_id)).toMatchObject({ reason: { code: "settled" } });
  });

  it("can be stopped before it is open", async () => {
    await boot();
    const start = world.start(script({ steps: [] }));
    await control.post("/agents/start", start);
    await control.post(`/agents/${start.session_id}/stop`, { epoch: start.epoch, mode: "now" });
    expect(await world.town.endOf(start.session_id)).toMatchObject({ outcome: "stopped" });
    expect(world.town.ended).toHaveLength(1);
  });
});
