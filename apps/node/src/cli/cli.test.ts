/** The commands of the real executable against one host with scripted agents. */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  beadDetail,
  beadShape,
  convoyDetail,
  diffShape,
  escalationShape,
  feedEntry,
  mayorShape,
  mergeRequestShape,
  needsYouList,
  queuedMessage,
  rigShape,
  sessionShape,
  townStatus,
} from "@gastown/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { git } from "../demo/git.ts";
import { errorAnswer, World, type RunningHost } from "../testing/executable.ts";

const world = new World();
let host: RunningHost;
let remote: string;

beforeAll(async () => {
  host = await world.up();
  remote = await world.repository();
});
afterAll(() => world.end());

const listOf = <T>(item: z.ZodType<T>) => z.object({ items: z.array(item) });
const done = async <T>(schema: z.ZodType<T>, ...args: string[]): Promise<T> =>
  (await world.must([...args, "--json"])).json(schema);

describe("init and rig", () => {
  it("make a town and a rig for the repository of the folder, with its tests as gates", async () => {
    const work = join(world.root, "app.git-seed");
    writeFileSync(join(work, "package.json"), '{"scripts": {"test": "node --version"}}');
    const made = await world.must(["init", "--json"], { cwd: work });
    const answer = made.json(
      z.object({ town: z.object({ id: z.string() }), rig: rigShape, gates: z.array(z.string()) }),
    );
    expect(answer.rig).toMatchObject({ name: "app", state: "ready", defaultBranch: "main", gitUrl: remote });
    expect(answer.gates).toEqual(["npm test"]);
    const gates = await done(z.array(z.string()), "config", "get", "review.gates", "--rig", "app");
    expect(gates).toEqual(["npm test"]);
    await world.must(["config", "unset", "review.gates", "--rig", "app"]);
  });

  it("are listed, and removed with what they were called", async () => {
    const other = await world.repository("other.git");
    await world.must(["rig", "add", other, "--name", "second"]);
    const { items } = await done(listOf(rigShape), "rig", "list");
    expect(items.map((rig) => rig.name).toSorted()).toEqual(["app", "second"]);
    await world.must(["rig", "remove", "second"]);
    expect((await done(listOf(rigShape), "rig", "list")).items).toHaveLength(1);
  });
});

describe("work", () => {
  it("is slung, waited for and landed", async () => {
    const bead = await done(
      beadDetail,
      "sling",
      "Leave a note",
      "--body",
      "Any",
      "--label",
      "small",
      "--wait",
    );
    expect(bead).toMatchObject({ status: "closed", reason: "merged", labels: ["small"] });
    expect(await git(["log", "--format=%s", "main"], { cwd: remote })).toContain("Note: Leave a note");
    const shown = await done(beadDetail, "bead", "show", bead.shortId);
    expect(shown.id).toBe(bead.id);
    expect((await world.must(["bead", "show", bead.id.slice(-6)])).stdout).toMatch(
      /Leave a note[^]*Attempt: .*submitted/,
    );
    const { items } = await done(listOf(beadShape), "bead", "list", "--all", "--search", "Leave");
    expect(items.map((one) => one.id)).toContain(bead.id);
    expect((await done(listOf(beadShape), "bead", "list")).items).toEqual([]);
  });

  it("is shown as a difference, and its gates' logs whole", async () => {
    await world.must(["config", "set", 'review.gates=["seq 1 5000"]', "--rig", "app"]);
    const bead = await done(beadDetail, "sling", "Show it", "--body", "Any", "--wait");
    await world.must(["config", "unset", "review.gates", "--rig", "app"]);
    const { stdout } = await world.must(["merge", "diff", bead.shortId]);
    expect(stdout).toMatch(/^diff --git /);
    expect(stdout).toContain("\n+");
    const files = await done(diffShape, "merge", "diff", bead.shortId);
    expect(files.stat.files).toBe(files.items.length);
    expect((await world.must(["merge", "diff", bead.shortId, "--stat"])).stdout).toContain(
      files.items[0]?.path ?? "nothing",
    );
    const [session] = bead.sessions;
    const own = await done(diffShape, "session", "diff", session?.id ?? "");
    expect(own.items).toEqual(files.items);
    const { gates } = await done(mergeRequestShape, "merge", "show", bead.shortId);
    const log = gates[0]?.logId ?? "";
    const whole = (await world.must(["log", log])).stdout;
    expect(whole).toBe(Array.from({ length: 5_000 }, (_, i) => `${i + 1}\n`).join(""));
    expect((await world.must(["log", log, "--tail", "2"])).stdout).toBe("4999\n5000\n");
    expect((await world.run(["log", "log_1", "--json"])).json(errorAnswer).error.code).toBe("not_found");
  });

  it("that is held waits, is started, held again and closed", async () => {
    const held = await done(beadShape, "sling", "Not yet", "--hold", "--model", "acme/nine");
    expect(held).toMatchObject({ status: "open", held: true });
    const after = await done(beadShape, "sling", "Afterwards", "--after", held.shortId);
    const { blockedBy } = (await done(beadDetail, "bead", "show", after.id)).dependencies;
    expect(blockedBy.map((one) => one.id)).toEqual([held.id]);
    expect((await world.must(["bead", "show", held.id])).stdout).toContain("Model: acme/nine");
    await world.must(["bead", "edit", held.id, "--model", "default", "--runtime", "kilo"]);
    expect(await done(beadDetail, "bead", "show", held.id)).toMatchObject({ model: null, runtime: "kilo" });
    const late = ["--wait", "--timeout", "0.3", "--json"];
    const waited = await world.run(["sling", "Later still", "--after", held.id, ...late]);
    expect(waited.code).toBe(7);
    expect(waited.json(errorAnswer).error.message).toMatch(/is not done yet: open.*Not yet/);
    await world.must(["bead", "close", after.id]);
    const closed = await done(
      beadShape,
      "bead",
      "close",
      held.id,
      "--reason",
      "duplicate",
      "--note",
      "Twice",
    );
    expect(closed).toMatchObject({ status: "closed", reason: "duplicate" });
    const again = await world.run(["bead", "hold", held.id, "--json"]);
    expect(again.code).toBe(6);
    expect(again.json(errorAnswer).error.code).toBe("invalid_transition");
  });

  it("of which there are many is changed at once, after it was tried", async () => {
    for (const title of ["first of many", "second of many"]) await world.must(["sling", title, "--hold"]);
    const bulk = async (...args: string[]): Promise<{ matched: number; done: number }> =>
      done(z.object({ matched: z.int(), done: z.int() }), "bead", "bulk", ...args);
    expect(await bulk("delete", "--held", "--dry-run")).toEqual({ matched: 2, done: 2 });
    expect((await world.run(["bead", "bulk", "delete", "--held"])).code).toBe(1);
    const counts = await done(listOf(z.object({ key: z.string(), count: z.int() })), "bead", "counts");
    expect(counts.items).toContainEqual({ key: "held", count: 2 });
    expect(await bulk("delete", "--held", "--confirm", "2")).toEqual({ matched: 2, done: 2 });
  });

  it("in a convoy is staged, started and landed; its tasks name each other", async () => {
    const file = join(world.root, "convoy.yml");
    const yaml = [
      "title: Two steps",
      "staged: true",
      "tasks:",
      "  - name: one",
      "    title: First step",
      "  - title: Second step",
      "    after: one",
    ];
    writeFileSync(file, yaml.join("\n"));
    const staged = await done(convoyDetail, "convoy", "sling", file);
    expect(staged.state).toBe("staged");
    const [first, second] = staged.nodes.toSorted((a, b) => a.wave - b.wave);
    expect(staged.edges).toEqual([{ beadId: second?.beadId, dependsOnBeadId: first?.beadId }]);
    expect((await world.must(["convoy", "list"])).stdout).toMatch(/staged +0\/2 +Two steps/);
    const landed = await done(convoyDetail, "convoy", "start", "Two steps", "--wait", "--timeout", "100");
    expect(landed.state).toBe("landed");
    expect((await world.must(["convoy", "status", staged.shortId])).stdout).toMatch(
      /landed, 2 of 2 done[^]*1\. First step[^]*2\. Second step/,
    );
    expect(
      (await done(listOf(mergeRequestShape), "merges", "--state", "merged")).items.length,
    ).toBeGreaterThan(2);
  });

  it("asks a person, who answers from the command line", async () => {
    const script = JSON.stringify({ steps: [{ ask: { title: "Which color?" } }] });
    await world.must(["sling", "Paint it", "--body", `\`\`\`gastown-script\n${script}\n\`\`\``]);
    const question = await firstEscalation();
    expect(question.title).toBe("Which color?");
    expect((await world.must(["escalations"])).stdout).toContain("Which color?");
    const { items } = await done(needsYouList, "needs-you", "--kind", "question");
    expect(items).toMatchObject([{ question: "Which color?", object: { id: question.id }, holdsUp: 1 }]);
    await world.must(["needs-you", "snooze", items[0]?.key ?? "", "--for", "4h"]);
    expect((await world.must(["needs-you"])).stdout).toContain("1 put aside");
    expect((await world.run(["escalation", "resolve", question.id])).code).toBe(2);
    const resolved = await done(
      escalationShape,
      "escalation",
      "resolve",
      question.id.slice(-8),
      "--answer",
      "Blue",
    );
    expect(resolved.open).toBe(false);
  });
});

/** The first question, as soon as it is asked. */
async function firstEscalation(): Promise<z.infer<typeof escalationShape>> {
  const child = world.spawn(["events", "--follow", "--json"]);
  for await (const line of createInterface({ input: child.stdout }))
    if (feedEntry.parse(JSON.parse(line)).kind === "escalation.created") break;
  child.kill("SIGINT");
  const { items } = await done(listOf(escalationShape), "escalations");
  const [first] = items;
  if (first === undefined) throw new Error("Nobody asked anything.");
  return first;
}

describe("looking", () => {
  it("shows the town, its sessions and what was said in them", async () => {
    const status = await done(townStatus, "status");
    expect(status.town.name).toBe("town");
    expect((await world.must(["status"])).stdout).toMatch(/Beads: \d+ open/);
    const { items } = await done(listOf(sessionShape), "session", "list", "--all");
    const polecat = items.find((session) => session.role === "polecat" && session.outcome === "submitted");
    const logs = await world.must(["session", "logs", polecat?.id ?? "", "--follow"]);
    expect(logs.stdout).toMatch(/The session started[^]*gt_done/);
    const stored = await done(
      z.object({ items: z.array(z.unknown()) }),
      "session",
      "logs",
      polecat?.id ?? "",
    );
    expect(stored.items.length).toBeGreaterThan(2);
  });

  it("shows events in order, and follows them until Ctrl-C", async () => {
    const { items } = await done(listOf(feedEntry), "events", "--limit", "200");
    expect(items.map((entry) => entry.seq)).toEqual(
      items.map((entry) => entry.seq).toSorted((a, b) => a - b),
    );
    const child = world.spawn(["events", "--follow", "--kind", "bead."]);
    const exit = once(child, "exit");
    const lines = createInterface({ input: child.stdout });
    await once(lines, "line");
    child.kill("SIGINT");
    expect((await exit)[0]).toBe(130);
  });

  it("tells versions, also without a server", async () => {
    const shape = z.object({
      version: z.string(),
      node: z.string(),
      server: z.object({ version: z.string() }).nullable(),
    });
    const here = await done(shape, "version");
    expect(here.server?.version).toBe(here.version);
    const alone = await world.run(["version", "--json"], {
      env: { GASTOWN_DATA_DIR: join(world.root, "nobody") },
    });
    expect(alone.json(shape).server).toBeNull();
  });

  it("explains itself", async () => {
    const help = await world.must(["--help"]);
    for (const command of ["up", "sling", "convoy", "mayor", "doctor"])
      expect(help.stdout).toContain(command);
    expect(help.stdout).not.toContain("scripted-agent");
    expect((await world.must(["convoy", "sling", "--help"])).stdout).toMatch(/--parallel/);
  });

  it("talks to the server that is named", async () => {
    const elsewhere = { GASTOWN_DATA_DIR: join(world.root, "nobody") };
    expect((await world.run(["status", "--server", host.url], { env: elsewhere })).code).toBe(5);
  });
});

describe("the mayor", () => {
  it("answers one message", async () => {
    const answer = await done(
      z.object({ messageId: z.string(), answer: z.string() }),
      "mayor",
      "Are you there?",
      "--timeout",
      "100",
    );
    expect(answer.answer).toContain("I am a scripted agent");
    const queued = await done(z.object({ messageId: z.string() }), "mayor", "And now?", "--no-wait");
    expect(queued.messageId).not.toBe(answer.messageId);
    expect((await world.run(["mayor", " "])).code).toBe(2);
    expect((await world.run(["mayor"])).code).toBe(2);
  });

  it("is asked what it does, given another model, stopped, and begins anew", async () => {
    const now = () => done(mayorShape, "mayor", "--status");
    expect(await now()).toMatchObject({ configured: true, runtime: "scripted", model: null });
    const applied = z.object({ applied: z.string() });
    expect(await done(applied, "mayor", "--model", "big-one")).toEqual({ applied: "live" });
    expect((await now()).model).toBe("big-one");
    const unknown = await world.run(["mayor", "--model", "unknown-one", "--json"]);
    expect([unknown.code, unknown.json(errorAnswer).error.code]).toEqual([1, "validation_failed"]);
    expect((await now()).model).toBe("big-one");
    await world.must(["mayor", "--stop", "--new"]);
    await done(z.object({ answer: z.string() }), "mayor", "Who are you?", "--timeout", "100");
    expect((await now()).model).toBeNull();
    expect(await done(listOf(queuedMessage), "mayor", "--queue")).toEqual({ items: [] });
    for (const wrong of [["--new"], ["--persist"], ["--stop", "--status"], ["hello", "--status"]])
      expect((await world.run(["mayor", ...wrong])).code).toBe(2);
  });
});

describe("settings", () => {
  it("are set, read and unset; one variable of env leaves the others", async () => {
    await world.must(["config", "set", "limits.max_agents=3", "env.COLOR=red", "default_model=some/model"]);
    await world.must(["config", "set", "env.SHAPE=round"]);
    expect(await done(z.unknown(), "config", "get", "env")).toEqual({ COLOR: "red", SHAPE: "round" });
    expect(await done(z.unknown(), "config", "get", "limits.max_agents")).toBe(3);
    await world.must(["config", "unset", "limits.max_agents", "env", "default_model"]);
    expect(await done(z.unknown(), "config", "get", "limits.max_agents")).toBe(12);
    expect((await world.run(["config", "get", "nonsense.key"])).code).toBe(3);
  });

  it("take a secret from standard input and never show it", async () => {
    await world.must(["config", "set", "env.API_TOKEN=-"], { input: "very-secret-value\n" });
    const shown = await world.must(["config", "get", "env", "--json"]);
    expect(shown.stdout).not.toContain("very-secret");
    expect(shown.stdout).toContain("****");
    await world.must(["config", "set", "env.OTHER=1"]);
    expect((await world.must(["config", "get", "env", "--json"])).stdout).toContain("****");
    await world.must(["config", "unset", "env"]);
  });
});

describe("credentials", () => {
  it("come from standard input, and are shown to nobody", async () => {
    await world.must(["config", "set", "credentials.github_token"], { input: "planted-secret-1234\n" });
    await world.must(["config", "set", "credentials.gitlab_url=https://code.example.org"]);
    const shown = await world.must(["config", "get"]);
    expect(shown.stdout).not.toContain("planted-secret");
    expect(JSON.parse(shown.stdout)).toMatchObject({
      credentials: { github_token: "****1234", gitlab_url: "https://code.example.org" },
    });
    await world.must(["config", "unset", "credentials"]);
    expect(await done(z.unknown(), "config", "get", "credentials.github_token")).toBe(null);
  });

  it("are refused as an argument, empty, and two from one standard input", async () => {
    const refused = await world.run(["config", "set", "credentials.github_token=planted-secret"]);
    expect([refused.code, refused.stderr]).toEqual([2, expect.stringMatching(/history/)]);
    expect(refused.stderr).not.toContain("planted-secret");
    expect((await world.run(["config", "set", "credentials.github_token"], { input: "\n" })).code).toBe(2);
    const both = ["config", "set", "credentials.github_token", "credentials.gitlab_token=-"];
    expect((await world.run(both, { input: "one" })).code).toBe(2);
  });

  it("in a rig's url are refused without being repeated", async () => {
    const refused = await world.run(["rig", "add", "https://ann:planted-secret@git.example.org/a.git"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/contains a password/);
    expect(refused.stdout + refused.stderr).not.toContain("planted-secret");
  });
});

describe("doctor", () => {
  it("finds what is wrong and says what to do", async () => {
    const report = z.object({
      ok: z.boolean(),
      checks: z.array(
        z.object({ name: z.string(), state: z.string(), message: z.string(), action: z.string().optional() }),
      ),
    });
    const finished = await world.run(["doctor", "--json"], { env: { PATH: "/usr/bin:/bin" } });
    const { ok, checks } = finished.json(report);
    const failed = checks.filter((check) => check.state === "failed");
    expect([ok, finished.code]).toEqual(failed.length === 0 ? [true, 0] : [false, 8]);
    expect(failed.every((check) => check.action !== undefined)).toBe(true);
    expect(checks.find((check) => check.name === "host")).toMatchObject({
      state: "ok",
      message: `runs at ${host.url}`,
    });
    expect(checks.map((check) => check.name)).toEqual(
      expect.arrayContaining(["git", "data directory", "port", "database"]),
    );
    const alone = await world.run(["doctor", "--json"], {
      env: {
        PATH: "/nowhere",
        GASTOWN_DATA_DIR: join(world.root, "nobody"),
        GASTOWN_LISTEN: new URL(host.url).host,
      },
    });
    expect(alone.code).toBe(8);
    const names = alone
      .json(report)
      .checks.filter((check) => check.state === "failed")
      .map((check) => check.name);
    expect(names).toEqual(expect.arrayContaining(["git", "runtimes", "port"]));
  });
});
