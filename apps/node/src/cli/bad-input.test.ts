// cspell:ignore kilocode
/**
 * Bad input to the real executable: one clear sentence that says what to do, an exit code that is
 * not 0, no stack, and nothing half-made left behind.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { errorAnswer, World, type Finished, type RunningHost } from "../testing/executable.ts";

const world = new World();
let host: RunningHost;
let repository: string;

beforeAll(async () => {
  host = await world.up();
  repository = await world.repository();
  await world.must(["init", "--json"], { cwd: join(world.root, "app.git-seed") });
});
afterAll(() => world.end());

/** The same failure for people and for programs. */
async function refused(
  args: readonly string[],
  options: Parameters<World["run"]>[1] = {},
): Promise<{ message: string; code: string; exit: number | null }> {
  // One after the other: two at once would meet each other's lock.
  const people = await world.run(args, options);
  const programs = await world.run([...args, "--json"], options);
  expect(people.code).not.toBe(0);
  expect(programs.code).toBe(people.code);
  const { error } = programs.json(errorAnswer);
  expect(lastLine(people)).toBe(`error: ${error.message}`);
  for (const text of [people.stderr, people.stdout, programs.stdout, programs.stderr]) {
    expect(text).not.toMatch(/^\s+at /m);
    expect(text).not.toContain("node:internal");
  }
  // A sentence, not a code.
  expect(error.message).toMatch(/^(?:["A-Z/]|gastown|--|http:).{20,}\.$/s);
  return { message: error.message, code: error.code, exit: people.code };
}

function lastLine({ stderr }: Finished): string {
  return stderr.trimEnd().split("\n").at(-1) ?? "";
}

const items = z.object({ items: z.array(z.record(z.string(), z.unknown())) });

async function count(...args: string[]): Promise<number> {
  const listed = await world.must([...args, "--json"]);
  return listed.json(items).items.length;
}

describe("a repository", () => {
  it("that does not exist makes no rig", async () => {
    const { message, exit, code } = await refused(["rig", "add", join(world.root, "nowhere.git")]);
    expect(message).toMatch(/nowhere\.git cannot be used.*Check the url/);
    expect([exit, code]).toEqual([1, "repository_unusable"]);
    expect(await count("rig", "list")).toBe(1);
  });

  it("that cannot be reached makes no rig, and its reasons are sentences", async () => {
    const { message } = await refused(["rig", "add", "http://127.0.0.1:9/nowhere.git"]);
    expect(message).toMatch(/could not be reached: .*[^.]\. Check the network and the host\.$/);
    expect(await count("rig", "list")).toBe(1);
  });

  it("with no commits makes no rig", async () => {
    const empty = join(world.root, "empty.git");
    execFileSync("git", ["init", "--quiet", "--bare", "--initial-branch=main", empty]);
    const { message } = await refused(["rig", "add", empty]);
    expect(message).toMatch(/empty\.git cannot be used.*commit/);
    expect(await count("rig", "list")).toBe(1);
  });

  it("that is none is told by init", async () => {
    const folder = join(world.root, "plain");
    mkdirSync(folder);
    const { message } = await refused(["init"], { cwd: folder });
    expect(message).toMatch(/is not in a git repository.*git init/);
  });

  it("whose name is taken makes no second rig", async () => {
    const other = await world.repository("other.git");
    const { message, exit, code } = await refused(["rig", "add", other, "--name", "app"]);
    expect(message).toMatch(/called app.*another name with --name/);
    expect([exit, code]).toEqual([6, "name_taken"]);
    expect(await count("rig", "list")).toBe(1);
  });
});

describe("work", () => {
  it("with an empty title is refused before it is sent", async () => {
    const { message, exit } = await refused(["sling", "  "]);
    expect(message).toMatch(/title is empty/);
    expect(exit).toBe(2);
    expect(await count("bead", "list", "--all")).toBe(0);
  });

  it("with a body of 10 MiB is refused", async () => {
    const file = join(world.root, "big.txt");
    writeFileSync(file, "x".repeat(10 * 1024 * 1024));
    const { message, exit, code } = await refused(["sling", "Much to do", "--body", `@${file}`]);
    expect(message).toMatch(/larger than 1048576 bytes/);
    expect([exit, code]).toEqual([1, "payload_too_large"]);
    expect(await count("bead", "list", "--all")).toBe(0);
  });

  it("with a body from a file that is not there is refused", async () => {
    const { message } = await refused(["sling", "A title", "--body", "@missing.txt"]);
    expect(message).toMatch(/missing\.txt cannot be read/);
  });

  it("in a convoy that goes round in a circle makes no bead", async () => {
    const file = join(world.root, "circle.yml");
    writeFileSync(
      file,
      "title: Round and round\ntasks:\n  - {name: a, title: First, after: c}\n  - {name: b, title: Second, after: a}\n  - {name: c, title: Third, after: b}\n",
    );
    const { message, exit, code } = await refused(["convoy", "sling", file]);
    expect(message).toMatch(/First|Second|Third/);
    expect([exit, code]).toEqual([1, "dependency_cycle"]);
    expect(await count("bead", "list", "--all")).toBe(0);
    expect(await count("convoy", "list")).toBe(0);
  });

  it("in a convoy after a task that is not in it is refused with the names", async () => {
    const file = join(world.root, "unknown.yml");
    writeFileSync(file, "title: T\ntasks:\n  - {name: a, title: First, after: zebra}\n");
    const { message, exit } = await refused(["convoy", "sling", file]);
    expect(message).toMatch(/"zebra".*There are: a/);
    expect(exit).toBe(2);
    writeFileSync(file, "title: [broken");
    expect((await refused(["convoy", "sling", file])).message).toMatch(/is not YAML/);
    writeFileSync(file, "tasks: []");
    expect((await refused(["convoy", "sling", file])).message).toMatch(/needs a title/);
  });
});

describe("a runtime", () => {
  const elsewhere = { GASTOWN_DATA_DIR: join(world.root, "runtimes"), PATH: "/usr/bin:/bin" };

  it("that is unknown stops `up` before anything runs", async () => {
    const { message } = await refused(["up", "--listen", "127.0.0.1:0", "--runtime", "hal9000"], {
      env: elsewhere,
    });
    expect(message).toMatch(/no agent runtime "hal9000".*kilo.*scripted/);
    expect(existsSync(join(world.root, "runtimes"))).toBe(false);
  });

  it("that is not installed is told with how to install it", async () => {
    const { message, code } = await refused(["up", "--listen", "127.0.0.1:0", "--runtime", "kilo"], {
      env: elsewhere,
    });
    expect(message).toMatch(/not installed.*npm install -g @kilocode\/cli/);
    expect(code).toBe("runtime_missing");
    expect(existsSync(join(world.root, "runtimes"))).toBe(false);
  });

  it("is also checked when it is set", async () => {
    expect((await refused(["config", "set", "runtime=hal9000"])).message).toMatch(/hal9000.*Known are/);
    expect((await refused(["config", "set", "role_runtimes.polecat=hal9000"])).message).toMatch(/hal9000/);
    expect((await refused(["config", "set", "color=blue"])).message).toMatch(/no setting color/);
    const config = await world.run(["config", "get", "runtime", "--json"]);
    expect(JSON.parse(config.stdout)).toBe("scripted");
  });
});

describe("a place for the host", () => {
  it("whose port is in use is refused and makes nothing", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" ? address?.port : 0;
    const env = { GASTOWN_DATA_DIR: join(world.root, "ports") };
    const { message, exit } = await refused(
      ["up", "--listen", `127.0.0.1:${port}`, "--runtime", "scripted"],
      { env },
    );
    expect(message).toMatch(new RegExp(`Port ${port}.*in use.*--listen`));
    expect(exit).toBe(6);
    expect(existsSync(join(world.root, "ports"))).toBe(false);
    other.close();
    await once(other, "close");
    const child = world.spawn(["up", "--json", "--listen", `127.0.0.1:${port}`, "--runtime", "scripted"], {
      env,
    });
    const [first] = await once(child.stdout.setEncoding("utf8"), "data");
    expect(String(first)).toContain(`127.0.0.1:${port}`);
    child.kill("SIGTERM");
    await once(child, "exit");
  });

  it("that is no address is refused", async () => {
    const { message } = await refused(["up", "--listen", "somewhere", "--runtime", "scripted"], {
      env: { GASTOWN_DATA_DIR: join(world.root, "addresses") },
    });
    expect(message).toMatch(/not an address to listen on.*127\.0\.0\.1:4780/);
  });

  it("that other machines reach has to be asked for", async () => {
    const { message } = await refused(["up", "--listen", "0.0.0.0:0", "--runtime", "scripted"], {
      env: { GASTOWN_DATA_DIR: join(world.root, "open") },
    });
    expect(message).toMatch(/--insecure-listen/);
  });

  it("that is below a file is refused", async () => {
    const file = join(world.root, "a-file");
    writeFileSync(file, "");
    const { message } = await refused(["up", "--data-dir", join(file, "data")]);
    expect(message).toMatch(/cannot be used.*is a file.*--data-dir/);
  });

  it.runIf(process.platform === "linux")("where nobody can make a folder is refused", async () => {
    const { message } = await refused(["up", "--data-dir", "/proc/gastown/data"]);
    expect(message).toMatch(/cannot be used.*nothing can be made.*--data-dir/);
  });

  it("that another host has is refused with that one's url also on the same port", async () => {
    const { message } = await refused(["up", "--listen", `127.0.0.1:${host.port}`]);
    expect(message).toContain(`already runs on the data directory ${world.dataDir} at ${host.url}`);
  });

  // Root may write everywhere: without another user there is nothing to refuse.
  it.skipIf(process.getuid?.() === 0)("that this user may not write is refused", async () => {
    const locked = join(world.root, "locked");
    mkdirSync(locked, { mode: 0o500 });
    const { message } = await refused(["up", "--data-dir", join(locked, "data")]);
    chmodSync(locked, 0o700);
    expect(message).toMatch(/cannot be used.*may not write/);
  });

  it("that another host has is refused with that one's url", async () => {
    const { message, exit, code } = await refused(["up", "--listen", "127.0.0.1:0", "--runtime", "scripted"]);
    expect(message).toContain(host.url);
    expect(message).toMatch(/gastown down.*--data-dir/);
    expect([exit, code]).toEqual([6, "already_exists"]);
    // The first one did not mind.
    expect((await fetch(`${host.url}/health`)).status).toBe(200);
  });
});

describe("a command line", () => {
  it("that is not understood says so with exit code 2", async () => {
    expect((await refused(["dance"])).exit).toBe(2);
    expect((await refused(["status", "--nonsense"])).message).toMatch(/Unknown option '--nonsense'/);
    expect((await refused(["rig"])).message).toMatch(/needs a command: add, list, remove/);
    expect((await refused(["rig", "add"])).message).toMatch(/Missing required argument 'url-or-path'/);
    expect((await refused(["sling", "x", "--timeout", "soon", "--wait"])).message).toMatch(
      /--timeout wants a number/,
    );
    expect((await refused(["sling", "x", "--priority", "huge"])).message).toMatch(
      /low, medium, high, critical/,
    );
    expect(await count("bead", "list", "--all")).toBe(0);
  });

  it("that means nothing of the town says what there is", async () => {
    expect((await refused(["bead", "show", "bead_zzzzzzzz"])).exit).toBe(3);
    expect((await refused(["bead", "show", "!"])).exit).toBe(2);
    expect((await refused(["rig", "remove", "nothing"])).message).toMatch(/no rig "nothing".*There is app/);
    expect((await refused(["status", "--town", "nothing"])).message).toMatch(/no town "nothing"/);
    expect(repository).toContain("app.git");
  });

  it("without a server is told how to start one", async () => {
    const env = { GASTOWN_DATA_DIR: join(world.root, "nobody") };
    const local = await refused(["status"], { env });
    expect(local.message).toMatch(/No gastown runs.*gastown up/);
    expect(local.exit).toBe(4);
    const remote = await refused(["status", "--server", "http://127.0.0.1:9"], { env });
    expect(remote.message).toMatch(/127\.0\.0\.1:9/);
    expect(remote.exit).toBe(4);
  });

  it("with a token that the server does not know is not allowed", async () => {
    const { exit } = await refused(["status"], { env: { GASTOWN_TOKEN: `gtl_${"x".repeat(43)}` } });
    expect(exit).toBe(5);
  });
});
