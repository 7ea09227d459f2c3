/** Credentials at the moment of use (decision 7): a real runner, real agents, git over smart HTTP. */
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import {
  world,
  forge,
  control,
  rig,
  tokenOf,
  open,
  close,
  begin,
  ended,
  own,
  noted,
  read,
  worktreeOf,
  capabilityOf,
  filesWith,
  processesWith,
  clock,
  untilFile,
  until,
  firstTurn,
  FORGE_TOKEN,
} from "../testing/credential-world.ts";
import { script, git } from "../testing/harness.ts";
import { TOKEN_LIFE_MS, TokenForge } from "../testing/token-forge.ts";
import { newId } from "../ulid.ts";
import { askBroker } from "./ask.ts";
import type { GhSeen } from "../testing/credential-world.ts";

vi.setConfig({ testTimeout: 320_000, hookTimeout: 120_000 });

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
        { done: { summary: "made it", no_changes: true } },
      ]);
      await untilFile(join(worktreeOf(start), "..", "ready"));
      const before = [...forge.taken];
      expect(before.length).toBeGreaterThan(1);
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
      // Nor is the session's own, with which the runner calls the tools for its agent.
      const secrets = [FORGE_TOKEN, start.mcp.token];
      expect(secrets.map(processesWith)).toEqual([[], []]);
      expect(world.town.calls.map(({ token }) => token)).toContain(start.mcp.token);
      writeFileSync(hold, "");
      await ended(start);

      expect(forge.taken.size).toBeGreaterThan(2);
      const [gh] = readFileSync(seen, "utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as GhSeen);
      // The search finds what there is: gh's own environment, while it ran.
      expect(gh?.carriers).toEqual([String(gh?.pid)]);
      const files = secrets.flatMap((secret) => filesWith(world.dir, secret));
      expect(files.filter((file) => file !== "host-bin/gh")).toEqual([]);
      const told = JSON.stringify([
        world.logs,
        [...world.town.items.values()],
        world.town.ended,
        world.town.settles,
      ]);
      for (const secret of secrets) expect(told).not.toContain(secret);
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
        { done: { summary: "made it", no_changes: true } },
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
          { done: { summary: "made it", no_changes: true } },
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
        { done: { summary: "x", no_changes: true } },
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
        { done: { summary: "x", no_changes: true } },
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
