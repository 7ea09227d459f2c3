/** Credentials at the moment of use (decision 7): a real runner, real agents, git over smart HTTP. */
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { GitTokenRequest, RigRef, StartRequest } from "@gastown/protocol";
import type { RunnerOptions } from "../options.ts";
import { Control, git, script, SHIM_PROGRAM, World } from "../testing/harness.ts";
import { PLANTED, TOKEN_LIFE_MS, TokenForge, writeScriptedGh } from "../testing/token-forge.ts";
import { newId } from "../ulid.ts";
import { askBroker } from "./ask.ts";
import { CAPABILITY_FILE, capabilityFile } from "./messages.ts";

const FORGE_TOKEN = `ghs_${PLANTED}`;

/** On a busy machine each program that an agent starts takes its seconds. */
const LIMIT_MS = 300_000;
vi.setConfig({ testTimeout: 320_000, hookTimeout: 120_000 });

let world: World;
let forge: TokenForge;
let control: Control;
let rig: RigRef;
let bin: string;

/** A runner with its town and forge; the agent process is one for all sessions, as in life. */
async function open(more: Partial<RunnerOptions> = {}, prepare: () => void = () => undefined): Promise<void> {
  world = new World();
  await world.town.start();
  forge = await TokenForge.serve(world.dir);
  bin = writeScriptedGh(world.dir, forge);
  rig = { ...world.rig, git_url: forge.url("remote") };
  world.town.onToken = tokenOf;
  prepare();
  const path = `${bin}:${process.env["PATH"] ?? ""}`;
  const runner = await world.runner({
    shim: { command: process.execPath, args: [SHIM_PROGRAM] },
    hostEnv: { PATH: path, HOME: world.dir, ...more.hostEnv },
    gitEnv: { PATH: path, HOME: world.dir },
    initializeMs: LIMIT_MS,
    toolsMs: LIMIT_MS,
    quietMs: LIMIT_MS,
  });
  control = new Control(runner);
  world.settleOnDone(() => control);
}

async function close(): Promise<void> {
  await world.close();
  await forge.http.close();
}

/** The real town's answer: for the rig that asks, minted now. */
const tokenOf = ({ host }: GitTokenRequest) => {
  if (host !== forge.host) return { code: "host_mismatch", message: `nothing for ${host}` };
  return {
    username: "x-access-token",
    token: forge.mint("remote"),
    source: "town integration",
    forge: "github" as const,
  };
};

async function begin(steps: object[], more: Partial<StartRequest> = {}): Promise<StartRequest> {
  const start = world.start(script({ steps }), { rig, ...more });
  await control.post("/agents/start", start);
  return start;
}

const ended = (start: StartRequest) => world.town.endOf(start.session_id, LIMIT_MS);

const until = <T>(what: string, look: () => T | undefined | null | false): Promise<T> =>
  world.town.facts.until(what, look, LIMIT_MS);
const firstTurn = (start: StartRequest): Promise<unknown> =>
  until("the turn", () =>
    world.town.statuses.find(({ session, phase }) => session === start.session_id && phase === "first_turn"),
  );

const own = (start: StartRequest): string => `HEAD:refs/heads/${start.branch ?? ""}`;
/** What a command of an agent said, with its exit code, in a file beside the worktree. */
const noted = (command: string, name: string): object => ({
  run: { command: `{ ${command}; } > ../${name} 2>&1; echo "exit $?" >> ../${name}`, allow_failure: true },
});
const read = (start: StartRequest, name: string): string =>
  readFileSync(join(worktreeOf(start), "..", name), "utf8").trim();
const worktreeOf = (start: StartRequest): string => join(world.root, "git", "slots", start.agent.id, rig.id);
const capabilityOf = (start: StartRequest) => {
  const gitDir = readFileSync(join(worktreeOf(start), ".git"), "utf8")
    .replace("gitdir: ", "")
    .trim();
  return capabilityFile.parse(JSON.parse(readFileSync(join(gitDir, CAPABILITY_FILE), "utf8")));
};

/** Every file below `folder` that holds `needle`. */
function filesWith(folder: string, needle: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => {
    const path = join(folder, name);
    return (
      statSync(path, { throwIfNoEntry: false })?.isFile() === true && readFileSync(path).includes(needle)
    );
  });
}

function processesWith(needle: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return ["environ", "cmdline"].some((part) => readFileSync(`/proc/${pid}/${part}`).includes(needle));
    } catch {
      return false;
    }
  });
}

const clock = (ms: number): string => `curl -sf '${forge.http.origin}/api/clock?ms=${ms}' > /dev/null`;

interface GhSeen {
  pid: number;
  carriers: string[];
  args: string[];
  names: string[];
}

/** A file that a process of an agent makes; its runner's next report comes after it. */
async function untilFile(path: string): Promise<void> {
  await until(path, () => statSync(path, { throwIfNoEntry: false }) !== undefined);
}

describe("with one runner", () => {
  beforeAll(() => open());
  afterAll(close);
  beforeEach(() => {
    world.town.onToken = tokenOf;
    world.town.tokenRequests.length = 0;
    world.town.settles.length = 0;
    world.logs.length = 0;
    forge.taken.clear();
    forge.refused.length = 0;
    rmSync(join(world.dir, "gh-seen"), { force: true });
  });

  describe("a long-lived agent", () => {
    it("pushes and calls gh for ten seconds while each token lives for two, without failure or restart", async () => {
      const began = forge.now;
      const start = world.start("", { rig });
      const round = [
        "git commit -q --allow-empty -m round",
        `git push -q origin ${own(start)}`,
        "git fetch -q origin",
        "gh pr list",
        clock(TOKEN_LIFE_MS),
      ].join(" && ");
      world.rewrite(
        start,
        script({ steps: [{ run: `set -e; for i in 1 2 3 4 5; do ${round}; done` }, { done: "made it" }] }),
      );
      await control.post("/agents/start", start);

      expect(await ended(start)).toMatchObject({ outcome: "completed" });
      expect(forge.now - began).toBe(5 * TOKEN_LIFE_MS);
      expect(git(world.remote, "rev-list", "--count", `main..${start.branch}`)).toBe("5");
      expect(forge.refused).toEqual([]);
      // Each round took tokens that the rounds before had not.
      expect(forge.taken.size).toBeGreaterThan(10);
      expect(world.logs.filter(({ event }) => event === "agent.process_started").length).toBeLessThan(2);
      expect(world.logs.filter(({ event }) => event === "agent.process_ended")).toEqual([]);
      const asked = world.town.tokenRequests.filter(({ session_id }) => session_id === start.session_id);
      expect(new Set(asked.map(({ purpose }) => purpose))).toEqual(new Set(["fetch", "push", "api"]));
      expect(asked.every(({ epoch, rig_id }) => epoch === start.epoch && rig_id === rig.id)).toBe(true);
    });

    it("has the rotated token with its very next command", async () => {
      const go = join(world.dir, "go");
      const start = await begin([
        { run: "gh pr list && git fetch -q origin" },
        { run: "touch ../ready" },
        { wait_for: go },
        { run: "gh pr list && git fetch -q origin" },
        { done: "made it", no_changes: true },
      ]);
      await until("the first calls", () => {
        const api = world.town.tokenRequests.filter(({ purpose }) => purpose === "api");
        return api.length === 1 && forge.taken.size > 1;
      });
      const before = [...forge.taken];
      forge.rotate();
      writeFileSync(go, "");
      expect(await ended(start)).toMatchObject({ outcome: "completed" });
      expect(forge.taken.size).toBeGreaterThan(before.length + 1);
    });
  });

  describe("a token", () => {
    it("is in no file, log, argument list or environment, but for the one child that needs it", async () => {
      const hold = join(world.dir, "hold");
      const start = await begin([
        { run: "git commit -q --allow-empty -m a" },
        { run: "gh pr list" },
        { run: "git fetch -q origin && env > ../environment" },
        { run: "touch ../waiting" },
        { wait_for: hold },
        { done: "made it" },
      ]);
      const seen = join(world.dir, "gh-seen");
      await until("gh", () => world.town.tokenRequests.some(({ purpose }) => purpose === "api"));
      await untilFile(join(worktreeOf(start), "..", "waiting"));
      expect(processesWith(FORGE_TOKEN)).toEqual([]);
      writeFileSync(hold, "");
      await ended(start);

      expect(forge.taken.size).toBeGreaterThan(2);
      const [gh] = readFileSync(seen, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as GhSeen);
      // The search finds what there is: gh's own environment, while it ran.
      expect(gh?.carriers).toEqual([String(gh?.pid)]);
      expect(filesWith(world.dir, FORGE_TOKEN).filter((file) => file !== "host-bin/gh")).toEqual([]);
      const told = JSON.stringify([
        world.logs,
        [...world.town.items.values()],
        world.town.ended,
        world.town.settles,
      ]);
      expect(told).not.toContain(FORGE_TOKEN);
      expect(world.logs).toContainEqual({
        event: "broker.asked",
        data: {
          session_id: start.session_id,
          rig_id: rig.id,
          host: forge.host,
          purpose: "api",
          program: "gh",
          given: true,
        },
      });
    });

    it("never serves another rig, though it is on the same host", async () => {
      const other = join(world.dir, "other.git");
      git(world.dir, "clone", "--quiet", "--bare", world.remote, other);
      const start = await begin([
        noted("git fetch origin", "own"),
        noted(`git ls-remote ${forge.url("other")}`, "other"),
        { done: "made it", no_changes: true },
      ]);
      await ended(start);
      expect(read(start, "own")).toMatch(/exit 0$/);
      expect(read(start, "other")).toMatch(/exit 128$/);
      expect(forge.refused).toContain("/other.git/info/refs?service=git-upload-pack");
      expect(world.town.tokenRequests.every(({ rig_id }) => rig_id === rig.id)).toBe(true);
    });

    it("does not leave for another host", async () => {
      const elsewhere = await TokenForge.serve(world.dir);
      try {
        const start = await begin([
          noted(`git ls-remote ${elsewhere.url("remote")}`, "elsewhere"),
          { done: "made it", no_changes: true },
        ]);
        await ended(start);
        expect(read(start, "elsewhere")).toMatch(/has a credential for 127\.0\.0\.1:\d+ only.*exit 128$/s);
        expect(elsewhere.refused).toEqual([]);
      } finally {
        await elsewhere.http.close();
      }
    });

    it("is not given to a session that has ended, nor for a capability that nobody has", async () => {
      const hold = join(world.dir, "never");
      const start = await begin([
        { run: "touch ../waiting" },
        { wait_for: hold },
        { done: "x", no_changes: true },
      ]);
      await firstTurn(start);
      const capability = capabilityOf(start);
      const ask = {
        ask: "credential",
        host: null,
        protocol: "https",
        purpose: "api",
        program: "gh",
        pid: 1,
      } as const;
      expect(await askBroker(capability, ask)).toMatchObject({
        kind: "credential",
        username: "x-access-token",
      });
      const before = world.town.tokenRequests.length;
      world.town.verdicts.set(start.session_id, "fenced");
      await ended(start);
      expect(await askBroker(capability, ask)).toMatchObject({ kind: "refused", code: "session_fenced" });
      const invented = { ...capability, capability: "A".repeat(43) };
      expect(await askBroker(invented, ask)).toMatchObject({ kind: "refused", code: "session_fenced" });
      expect(world.town.tokenRequests.slice(before).filter(({ purpose }) => purpose === "api")).toEqual([]);
    });

    it("that the town refuses is told to the agent in the town's own words", async () => {
      world.town.onToken = (request) =>
        request.session_id === undefined
          ? tokenOf(request)
          : { code: "session_fenced", message: "This session is over." };
      const start = await begin([
        noted("git fetch origin", "fetch"),
        noted("gh pr list", "gh"),
        { done: "x", no_changes: true },
      ]);
      await ended(start);
      expect(read(start, "fetch")).toMatch(/gastown: This session is over\..*exit 128$/s);
      expect(read(start, "gh")).toBe("gh: This session is over.\nexit 1");
    });
  });

  describe("the shims", () => {
    it("refuse what is the town's, say what to do instead, and start nothing", async () => {
      const start = await begin([
        { run: "git commit -q --allow-empty -m a" },
        noted("git push origin HEAD:main", "main"),
        noted("git push --force origin HEAD", "force"),
        noted("git -c alias.p='push origin HEAD:main' p", "alias"),
        noted(`printf 'protocol=http\\nhost=${forge.host}\\n\\n' | git credential fill`, "fill"),
        noted(
          `printf 'protocol=http\\nhost=${forge.host}\\n\\n' | sh -c "$GIT_CONFIG_VALUE_1 get" | sed 's/^!//'`,
          "helper",
        ),
        noted("gh pr create --fill", "create"),
        noted("gh auth token", "token"),
        noted("glab mr list", "glab"),
        noted("git status --short && git log -1 --format=%s", "plain"),
        { done: "made it" },
      ]);
      await ended(start);
      expect(read(start, "main")).toBe(
        `git: This session pushes its own branch only, not "HEAD:main": git push origin HEAD:refs/heads/${start.branch}.\nexit 1`,
      );
      expect(read(start, "force")).toMatch(/Nothing is pushed by force/);
      expect(read(start, "alias")).toMatch(/own branch only/);
      expect(read(start, "fill")).toMatch(/shown to nobody/);
      expect(read(start, "helper")).not.toContain(FORGE_TOKEN);
      expect(read(start, "create")).toMatch(/The town opens the pull request itself/);
      expect(read(start, "token")).toMatch(/shown to nobody/);
      expect(read(start, "glab")).toMatch(/glab is not installed/);
      expect(read(start, "plain")).toBe("a\nexit 0");
      expect(git(world.remote, "log", "-1", "--format=%s", "main")).toBe("Begin");
      expect(statSync(join(world.dir, "gh-seen"), { throwIfNoEntry: false })).toBeUndefined();
    });
  });

  describe("the runner's own git", () => {
    it("asks at the moment of each use, for its rig", async () => {
      const effect_id = newId("effect");
      await control.post("/repos/setup", { effect_id, attempt: 1, rig });
      await until("the set-up", () => world.town.effects.find(({ effect }) => effect === effect_id));
      expect(world.town.effects.at(-1)).toMatchObject({ result: { outcome: "rig_ready" } });
      forge.now += TOKEN_LIFE_MS;
      const start = await begin([{ run: "git commit -q --allow-empty -m a" }, { done: "made it" }]);
      expect(await ended(start)).toMatchObject({ outcome: "completed" });
      expect(world.town.settles).toMatchObject([{ result: "pushed" }]);
      const mine = world.town.tokenRequests.filter(({ session_id }) => session_id === undefined);
      expect(new Set(mine.map(({ purpose }) => purpose))).toEqual(new Set(["fetch", "push"]));
      expect(mine.every(({ rig_id }) => rig_id === rig.id)).toBe(true);
      expect(forge.refused).toEqual([]);
    });

    it("takes a town that cannot be asked for a network that is down, and not for a wrong password", async () => {
      world.town.down.add("runner/git-token");
      const answer = await control.post("/repos/check", { git_url: rig.git_url });
      expect(answer.body).toMatchObject({ ok: false, problem: "unreachable" });
      world.town.down.clear();
      expect((await control.post("/repos/check", { git_url: rig.git_url })).body).toMatchObject({ ok: true });
    });

    it("tells a refusal of the town as a matter of credentials", async () => {
      world.town.onToken = () => ({
        code: "no_token",
        message: "No credential for it. Tried in this order: a, b.",
      });
      const answer = await control.post("/repos/check", { git_url: rig.git_url });
      expect(answer.body).toMatchObject({
        ok: false,
        problem: "auth",
        message: expect.stringMatching(/Tried in this order: a, b/),
      });
    });
  });
});

describe("with a runner of its own", () => {
  afterEach(close);

  describe("the environment of an agent", () => {
    it("has nothing of a host full of secrets but the allow-list", async () => {
      const secrets = Object.fromEntries(
        [
          "GH_TOKEN",
          "GITHUB_TOKEN",
          "GITLAB_TOKEN",
          "AWS_SECRET_ACCESS_KEY",
          "NPM_TOKEN",
          "DATABASE_URL",
          "SSH_AUTH_SOCK",
          "GIT_ASKPASS",
        ].map((name) => [name, `host-secret-${name}`]),
      );
      await open({ hostEnv: secrets });
      const start = await begin([
        noted("env", "environment"),
        noted("gh pr list", "gh"),
        { done: "x", no_changes: true },
      ]);
      await ended(start);
      expect(read(start, "environment")).not.toContain("host-secret");
      expect(read(start, "environment")).toMatch(/^PATH=.*shims\/bin:/m);
      expect(read(start, "gh")).toBe("gh 200\nexit 0");
      const gh = JSON.parse(readFileSync(join(world.dir, "gh-seen"), "utf8")) as GhSeen;
      expect(gh.names.filter((name) => Object.hasOwn(secrets, name))).toEqual([]);
    });
  });

  describe("a town without credentials", () => {
    /** As a person has them: a helper in the host's own settings. */
    function hostKnows(token: string): string {
      const store = join(world.dir, "stored-credentials");
      writeFileSync(store, `${forge.http.origin.replace("//", `//ann:${token}@`)}\n`, { mode: 0o600 });
      writeFileSync(join(world.dir, ".gitconfig"), `[credential]\n\thelper = store --file=${store}\n`);
      return store;
    }

    it("has the git that its host has configured, for itself and for its agents", async () => {
      await open({}, () => {
        hostKnows(forge.mint("remote"));
        world.town.onToken = () => ({ username: "", token: null, source: "host", forge: "git" });
      });
      const start = world.start("", { rig });
      world.rewrite(
        start,
        script({
          steps: [
            {
              run: `git fetch -q origin && git commit -q --allow-empty -m a && git push -q origin ${own(start)}`,
            },
            { done: "made it" },
          ],
        }),
      );
      await control.post("/agents/start", start);
      expect(await ended(start)).toMatchObject({ outcome: "completed" });
      expect(forge.refused).toEqual([]);
    });

    it("goes on when the town cannot be asked, once it has said so", async () => {
      await open({}, () => {
        hostKnows(forge.mint("remote"));
        world.town.onToken = () => ({ username: "", token: null, source: "host", forge: "git" });
      });
      const start = await begin([
        { run: "touch ../waiting" },
        { wait_for: join(world.dir, "hold") },
        noted("git fetch origin", "fetch"),
        { done: "x", no_changes: true },
      ]);
      await firstTurn(start);
      world.town.down.add("runner/git-token");
      writeFileSync(join(world.dir, "hold"), "");
      await ended(start);
      expect(read(start, "fetch")).toBe("exit 0");
    });

    it("that gets one uses it at once, and the host's store is not told of it", async () => {
      await open();
      const store = hostKnows("an-old-password");
      const before = readFileSync(store, "utf8");
      const start = await begin([noted("git fetch origin", "fetch"), { done: "x", no_changes: true }]);
      await ended(start);
      expect(read(start, "fetch")).toBe("exit 0");
      expect(readFileSync(store, "utf8")).toBe(before);
      expect(forge.refused).toEqual([]);
    });
  });

  it("works where the path of the work directory is too long for a socket", async () => {
    await open({}, () => {
      const root = join(world.dir, "a".repeat(100), "work");
      mkdirSync(root, { recursive: true });
      Object.assign(world, { root });
    });
    const start = await begin([
      { run: "gh pr list && git fetch -q origin" },
      { done: "x", no_changes: true },
    ]);
    expect(await ended(start)).toMatchObject({ outcome: "completed" });
  });
});
