/** `gastown up`, `down`, and what becomes of runners between two hosts; with real processes. */
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { errorAnswer, World } from "../testing/executable.ts";
import { isRunning } from "./process-identity.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.end());

/** A town with a running runner. */
async function townWithRunner(): Promise<void> {
  await world.repository();
  await world.must(["init", "--json"], { cwd: join(world.root, "app.git-seed") });
  expect(world.runners()).toHaveLength(1);
}

describe("gastown up", () => {
  it("keeps its secrets to its owner and gives a link that signs in once", async () => {
    const host = await world.up();
    for (const name of ["local-token", "keys.json", "host.sqlite", "host.json"])
      expect([name, statSync(join(world.dataDir, name)).mode & 0o777]).toEqual([name, 0o600]);
    expect(statSync(world.dataDir).mode & 0o777).toBe(0o700);
    const [origin, code] = host.loginUrl.split("/sign-in#code=");
    expect(origin).toBe(host.url);
    const login = (): Promise<Response> =>
      fetch(`${host.url}/api/auth/login`, {
        method: "POST",
        headers: { "content-type": "application/json", origin: host.url },
        body: JSON.stringify({ code }),
      });
    expect((await login()).status).toBe(200);
    expect((await login()).status).toBe(401);
    expect((await fetch(`${host.url}/api/towns`)).status).toBe(401);
  });

  it("ends at SIGTERM with exit code 0, and leaves nothing running and no address behind", async () => {
    const host = await world.up();
    await townWithRunner();
    host.child.kill("SIGTERM");
    expect(await host.exit).toBe(0);
    expect(existsSync(join(world.dataDir, "host.json"))).toBe(false);
    expect(world.runners()).toEqual([]);
  });

  it("leaves runners alive with --keep-runners, for the next one", async () => {
    const host = await world.up("127.0.0.1:0", ["--keep-runners"]);
    await townWithRunner();
    const [runner] = world.runners();
    host.child.kill("SIGTERM");
    expect(await host.exit).toBe(0);
    expect(world.runners()).toEqual([runner]);
    await world.up(`127.0.0.1:${host.port}`);
    await addAnotherRig();
    expect(world.runners()).toEqual([runner]);
  });

  it("ends at Ctrl-C, too", async () => {
    const host = await world.up();
    host.child.kill("SIGINT");
    expect(await host.exit).toBe(0);
  });

  it("goes into the background with --detach, and down ends it", async () => {
    const up = await world.must([
      "up",
      "--detach",
      "--json",
      "--listen",
      "127.0.0.1:0",
      "--runtime",
      "scripted",
    ]);
    const { url, pid } = up.json(z.object({ url: z.string(), pid: z.int() }));
    expect((await fetch(`${url}/health`)).status).toBe(200);
    const start = z
      .object({ start: z.string() })
      .parse(JSON.parse(readFileSync(join(world.dataDir, "host.json"), "utf8"))).start;
    expect(isRunning({ pid, start })).toBe(true);
    const down = await world.must(["down", "--json"]);
    expect(down.json(z.object({ stopped: z.boolean(), pid: z.int() }))).toEqual({ stopped: true, pid });
    expect(isRunning({ pid, start })).toBe(false);
    expect((await world.run(["down"])).code).toBe(4);
  });

  it("that fails in the background says why", async () => {
    const host = await world.up();
    const up = await world.run(["up", "--detach", "--json", "--listen", "127.0.0.1:0"]);
    expect(up.code).toBe(6);
    expect(up.json(errorAnswer).error.message).toContain(host.url);
  });
});

describe("a runner whose host was killed", () => {
  it("is found by the next host", async () => {
    const first = await world.up();
    await townWithRunner();
    const [before] = world.runners();
    first.child.kill("SIGKILL");
    await first.exit;
    expect(world.runners()).toEqual([before]);
    await world.up(`127.0.0.1:${first.port}`);
    await world.must(["sling", "Something", "--wait", "--timeout", "170", "--json"]);
    expect(world.runners()).toEqual([before]);
  });

  it("is replaced when it reports to an address that is no more", async () => {
    const first = await world.up();
    await townWithRunner();
    const [before] = world.runners();
    first.child.kill("SIGKILL");
    await first.exit;
    await world.up();
    await addAnotherRig();
    const after = world.runners();
    expect(after).toHaveLength(1);
    expect(after[0]?.instance_id).not.toBe(before?.instance_id);
  });

  it("that dies as well is noticed at once and replaced by the host that found it", async () => {
    const first = await world.up();
    await townWithRunner();
    first.child.kill("SIGKILL");
    await first.exit;
    const second = await world.up(`127.0.0.1:${first.port}`);
    const [found] = world.runners();
    // Before that it would only be missing, and no news.
    await second.said("Found the runner of an earlier host");
    process.kill(found?.pid ?? -1, "SIGKILL");
    await second.said("ended by itself");
    await addAnotherRig();
    expect(world.runners()).toHaveLength(1);
    expect(world.runners()[0]?.instance_id).not.toBe(found?.instance_id);
  });
});

/** Something that needs a runner at once. */
async function addAnotherRig(): Promise<void> {
  await world.must(["rig", "add", await world.repository("other.git"), "--json"]);
}
