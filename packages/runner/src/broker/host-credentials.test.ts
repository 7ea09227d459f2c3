/** What the host has: its secrets reach no agent, and its git goes on where the town stores nothing. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  world,
  forge,
  control,
  rig,
  open,
  close,
  begin,
  ended,
  own,
  noted,
  read,
  firstTurn,
} from "../testing/credential-world.ts";
import { script } from "../testing/harness.ts";
import type { GhSeen } from "../testing/credential-world.ts";

vi.setConfig({ testTimeout: 320_000, hookTimeout: 120_000 });

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
        { done: { summary: "x", no_changes: true } },
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
        { done: { summary: "x", no_changes: true } },
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
      const start = await begin([
        noted("git fetch origin", "fetch"),
        { done: { summary: "x", no_changes: true } },
      ]);
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
      { done: { summary: "x", no_changes: true } },
    ]);
    expect(await ended(start)).toMatchObject({ outcome: "completed" });
  });
});
