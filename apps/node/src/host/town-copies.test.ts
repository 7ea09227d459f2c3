/** A town that moves: out of one real host as a file, into another one, and nothing is half done. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { watch } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { beadShape, rigShape, townShape } from "@gastown/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { ApiClient } from "../cli/client.ts";
import { listOf } from "../cli/target.ts";
import { World, errorAnswer, type RunningHost } from "../testing/executable.ts";
import { readLocalToken } from "./credentials.ts";
import { dataDir } from "./data-dir.ts";

const world = new World();
let host: RunningHost;
let api: ApiClient;
let file: string;
let townId: string;

beforeAll(async () => {
  // What a host that was killed in the middle of a copy left behind.
  mkdirSync(join(world.dataDir, "copying-left"), { recursive: true });
  host = await world.up();
  host.child.stdout.resume();
  const token = readLocalToken(dataDir(world.dataDir));
  api = new ApiClient({ url: host.url, token, signal: AbortSignal.timeout(120_000), hint: "" });
  const town = await api.post(townShape.pick({ id: true }), "/api/users/user_local/towns", {
    name: "moving",
  });
  townId = town.id;
  const gitUrl = await world.repository();
  const rig = await api.post(rigShape, `/api/towns/${townId}/rigs`, { name: "app", gitUrl });
  for (const title of ["one", "two"])
    await api.post(beadShape, `/api/towns/${townId}/rigs/${rig.id}/beads`, { title });
  const body = {
    env: { API_KEY: "very-secret-value" },
    credentials: { github_token: "ghp_0123456789abcdef" },
  };
  await api.raw("PATCH", `/api/towns/${townId}/config`, { body });
  file = join(world.root, "moving.jsonl");
  await world.must(["town", "export", "moving", "--output", file]);
});
afterAll(() => world.end());

const titles = async (): Promise<string[]> =>
  (await api.get(listOf(beadShape), `/api/towns/${townId}/beads`)).items.map(({ title }) => title).toSorted();
const leftovers = (): string[] => readdirSync(world.dataDir).filter((name) => name.startsWith("copying-"));

describe("an exported town", () => {
  it("is a file of lines without a secret, the same on standard output", async () => {
    const text = readFileSync(file, "utf8");
    expect(text).not.toMatch(/very-secret-value|ghp_0123456789abcdef/);
    const first = await world.must(["town", "export", townId]);
    const rows = (lines: string): string[] =>
      lines
        .split("\n")
        .filter((line) => line.includes('"table":"beads"'))
        .toSorted();
    expect(rows(first.stdout)).toEqual(rows(text));
    expect(rows(text)).toHaveLength(2);
    const again = await world.run(["town", "export", "moving", "--output", file, "--json"]);
    expect(again.json(errorAnswer).error.code).toBe("already_exists");
    expect(leftovers()).toEqual([]);
  });

  it("is refused where it is already, and where a line is not what it should be, and nothing is left", async () => {
    const twice = await world.run(["town", "import", file, "--json"]);
    expect(twice.code).toBe(6);
    expect(twice.json(errorAnswer).error.message).toMatch(
      /moving is there already and is not empty. Delete it first \(gastown town delete moving\)/,
    );
    await world.must(["town", "delete", "moving", "--force"]);
    const broken = join(world.root, "broken.jsonl");
    const lines = readFileSync(file, "utf8").split("\n");
    const at = lines.findIndex((line) => line.includes('"table":"beads"'));
    writeFileSync(
      broken,
      lines.with(at, (lines[at] ?? "").replace('"status":"open"', '"status":"gone"')).join("\n"),
    );
    const refused = await world.run(["town", "import", broken, "--json"]);
    expect(refused.code).toBe(1);
    expect(refused.json(errorAnswer).error).toMatchObject({
      code: "validation_failed",
      message: expect.stringContaining(`Line ${at + 1} of the export: beads.status`),
    });
    const cut = await world.run(["town", "import", "-", "--json"], { input: lines.slice(0, -2).join("\n") });
    expect(cut.json(errorAnswer).error.message).toContain("cut off after line");
    expect(leftovers()).toEqual([]);
    expect(existsSync(dataDir(world.dataDir).town(townId))).toBe(false);
    expect((await api.get(listOf(z.object({ id: z.string() })), "/api/towns")).items).toEqual([]);
  });

  it("comes back with its ids, paused, and says which secrets it needs", async () => {
    const imported = await world.must(["town", "import", file]);
    expect(imported.stdout).toContain("moving is imported and paused");
    expect(imported.stdout).toContain("gastown config set credentials.github_token=-");
    expect(imported.stdout).toContain("gastown config set env.API_KEY=");
    expect(await titles()).toEqual(["one", "two"]);
    expect(await api.get(townShape, `/api/towns/${townId}`)).toMatchObject({
      id: townId,
      name: "moving",
      paused: true,
    });
    await world.must(["resume", "--town", townId]);
    expect((await world.run(["doctor", "--json"])).stdout).not.toMatch(
      /invariants of moving","state":"failed/,
    );
    expect(leftovers()).toEqual([]);
  });
});

describe("an import of a town", () => {
  const townNames = async (): Promise<string[]> =>
    (await api.get(listOf(townShape.pick({ name: true })), "/api/towns")).items.map(({ name }) => name);
  const made = (name: string) =>
    api.post(townShape.pick({ id: true }), "/api/users/user_local/towns", { name });

  it("takes the place of an empty one, of the same id or of the one that is named, and of no other", async () => {
    const { id } = await made("other");
    const empty = join(world.root, "empty.jsonl.gz");
    await world.must(["town", "export", "other", "--output", empty]);
    // As a copy of the other town's beginning would be, that was restored somewhere.
    const same = gunzipSync(readFileSync(empty)).toString().replaceAll(id, townId);
    const refused = await world.run(["town", "import", file, "--into", "moving", "--json"]);
    expect(refused.json(errorAnswer).error.code).toBe("already_exists");
    await world.must(["town", "delete", "moving", "--force"]);
    await world.must(["town", "import", "-"], { input: same });
    expect(await titles()).toEqual([]);
    await world.must(["town", "import", file]);
    expect(await titles()).toEqual(["one", "two"]);
    expect((await townNames()).toSorted()).toEqual(["moving", "other"]);

    await world.must(["town", "delete", "moving", "--force"]);
    await world.must(["town", "import", file, "--into", "other"]);
    expect(await townNames()).toEqual(["moving"]);
    expect(existsSync(dataDir(world.dataDir).town(id))).toBe(false);
    // It is that town for every page that is open, and for whoever opens it next.
    expect(await titles()).toEqual(["one", "two"]);
    await made("third");
    const full = await world.run(["town", "import", empty, "--into", "moving", "--json"]);
    expect(full.code).toBe(6);
    expect((await townNames()).toSorted()).toEqual(["moving", "third"]);
    expect(leftovers()).toEqual([]);
  });

  it("that is refused at its first line says so, however much is still on its way", async () => {
    const large = join(world.root, "large.jsonl");
    const [header = ""] = readFileSync(file, "utf8").split("\n");
    writeFileSync(large, `${header}\n`);
    // Nothing that gzip could make smaller.
    for (let n = 0; n < 32; n++)
      writeFileSync(large, `${randomBytes(500_000).toString("base64")}\n`, { flag: "a" });
    const refused = await world.run(["town", "import", large, "--json"]);
    expect(refused.json(errorAnswer).error.code).toBe("already_exists");
    expect(leftovers()).toEqual([]);
  });

  it("leaves nothing when whoever sends it goes, or when the host is killed, and can be repeated", async () => {
    await world.must(["town", "delete", "moving", "--force"]);
    const lines = readFileSync(file, "utf8").split("\n");
    const half = `${lines.slice(0, 10).join("\n")}\n`;
    const begun = async (): Promise<{ sender: AbortController; sent: Promise<unknown> }> => {
      const sender = new AbortController();
      const body = new ReadableStream({
        start: (controller) => controller.enqueue(gzipSync(half, { finishFlush: 2 })),
      });
      const sent = new ApiClient({
        url: host.url,
        token: readLocalToken(dataDir(world.dataDir)),
        signal: sender.signal,
        hint: "",
      })
        .upload(z.unknown(), "/api/users/user_local/towns/import", body)
        .catch((error: unknown) => error);
      await seenInDataDir(() => leftovers().length === 1);
      return { sender, sent };
    };
    const first = await begun();
    first.sender.abort();
    await first.sent;
    await seenInDataDir(() => leftovers().length === 0);

    const second = await begun();
    host.child.kill("SIGKILL");
    await host.exit;
    await second.sent;
    expect(leftovers()).toHaveLength(1);
    host = await world.up(`127.0.0.1:${host.port}`);
    host.child.stdout.resume();
    expect(leftovers()).toEqual([]);
    expect(await townNames()).toEqual(["third"]);
    await world.must(["town", "import", file]);
    expect(await titles()).toEqual(["one", "two"]);
  });
});

/** Resolves as soon as that holds of the data directory: each change of it is looked at. */
async function seenInDataDir(holds: () => boolean): Promise<void> {
  const signal = AbortSignal.timeout(120_000);
  const changes = watch(world.dataDir, { signal });
  if (holds()) return;
  for await (const _change of changes) if (holds()) return;
}
