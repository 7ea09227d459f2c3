/**
 * What lies on the disk is not what was left there, or may not be written: a damaged town, one of a newer
 * gastown, a row that is not what it should be, a damaged index, a directory without the right to write.
 *
 * What must hold of the real executable: each message names what it is about and says what to do; nothing that
 * cannot be read is touched; the other towns go on; and when it is mended, so does everything.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { beadShape, rigShape, townShape } from "@gastown/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { ApiClient } from "../../apps/node/src/cli/client.ts";
import { readLocalToken } from "../../apps/node/src/host/credentials.ts";
import { dataDir } from "../../apps/node/src/host/data-dir.ts";
import { errorAnswer, rightsCount, World, type RunningHost } from "../../apps/node/src/testing/executable.ts";

const world = new World({ rightsCount });
const dir = dataDir(world.dataDir);
let host: RunningHost;
const ids: Record<string, string> = {};
let bead: string;

const checks = z.object({
  checks: z.array(
    z.object({ name: z.string(), state: z.string(), message: z.string(), action: z.string().optional() }),
  ),
});

async function up(): Promise<void> {
  host = await world.up();
  host.child.stdout.resume();
}
const api = (): ApiClient =>
  new ApiClient({
    url: host.url,
    token: readLocalToken(dir),
    signal: AbortSignal.timeout(120_000),
    hint: "",
  });
const make = async (name: string): Promise<string> =>
  (await api().post(townShape.pick({ id: true }), "/api/users/user_local/towns", { name })).id;
async function down(): Promise<void> {
  await world.must(["down", "--now"]);
  await host.exit;
}
async function refusal(...args: string[]): Promise<string> {
  const refused = await world.run([...args, "--json"]);
  expect(refused.code).not.toBe(0);
  return refused.json(errorAnswer).error.message;
}
/** What doctor says of something: how it is and what to do. */
async function said(name: string): Promise<string> {
  const found = (await world.run(["doctor", "--json"])).json(checks).checks;
  return found
    .filter((check) => check.state === "failed" && check.name.includes(name))
    .map(({ message, action }) => `${message} → ${action ?? ""}`)
    .join("\n");
}
function change(name: string, sql: string, ...values: string[]): void {
  const db = new DatabaseSync(dir.town(ids[name] ?? ""));
  db.prepare(sql).run(...values);
  db.close();
}

beforeAll(async () => {
  await up();
  for (const name of ["well", "damaged", "newer"]) ids[name] = await make(name);
  const gitUrl = await world.repository();
  const T = `/api/towns/${ids["well"] ?? ""}`;
  const rig = await api().post(rigShape, `${T}/rigs`, { name: "app", gitUrl });
  for (const title of ["sound", "odd"])
    bead = (await api().post(beadShape, `${T}/rigs/${rig.id}/beads`, { title })).id;
  await down();
});
afterAll(() => world.end());

describe("what is stored", () => {
  it("damaged, newer or odd, is told with what to do; nothing is touched, and the rest goes on", async () => {
    const damaged = dir.town(ids["damaged"] ?? "");
    writeFileSync(damaged, readFileSync(damaged).fill(0x5a, 4_096));
    change("newer", "update schema_version set version = 9999");
    change("well", "update beads set labels = '{' , status = 'gone' where id = ?", bead);
    const files = [damaged, dir.town(ids["newer"] ?? "")];
    const before = files.map((file) => readFileSync(file));
    await up();
    expect(await refusal("status", "--town", "damaged")).toMatch(
      /file is damaged.*doctor.*restore --replace/,
    );
    expect(await refusal("pause", "--town", "newer")).toMatch(/schema version 9999.*Use the newer gastown/);
    const list = await world.must(["bead", "list", "--town", "well"]);
    expect(list.stdout).toContain("sound");
    expect(list.stdout).not.toContain("odd");
    expect(await refusal("bead", "show", bead, "--town", "well")).toMatch(/\w+ .*\.$/);
    expect(await said("invariants of well")).toMatch(
      new RegExp(`beads ${bead}: (labels|status).*keep a backup of this town and report it`),
    );
    expect(await said(ids["damaged"] ?? "")).toMatch(/damaged.*restore/);
    expect(await said(ids["newer"] ?? "")).toMatch(/Use the newer gastown/);
    await world.must(["pause", "--town", "well"]);
    await down();
    expect(files.map((file) => readFileSync(file))).toEqual(before);
  });

  it("in a damaged index says how to get it back, and its towns come back", async () => {
    rmSync(dir.town(ids["damaged"] ?? ""));
    writeFileSync(dir.database, randomBytes(4_096));
    for (const suffix of ["-wal", "-shm"]) rmSync(`${dir.database}${suffix}`, { force: true });
    expect(await refusal("up", "--listen", "127.0.0.1:0")).toMatch(
      /host\.sqlite is damaged\. Move it away.*takes up the towns that are there/,
    );
    renameSync(dir.database, `${dir.database}.damaged`);
    await up();
    const { stdout } = await world.must(["town", "list", "--json"]);
    const towns = z.object({ items: z.array(z.object({ id: z.string(), name: z.string() })) });
    expect(
      towns
        .parse(JSON.parse(stdout))
        .items.map(({ name }) => name)
        .toSorted(),
    ).toEqual(["newer", "well"]);
    expect((await world.must(["bead", "list", "--town", "well"])).stdout).toContain("sound");
    await down();
  });
});

describe("a directory that may not be written", () => {
  it.skipIf(!rightsCount)(
    "(root needs `setpriv` for rights to count) is told while the host runs and when it starts, and got over",
    async () => {
      await up();
      await world.must(["status", "--town", "well"]);
      const folder = join(dir.root, "towns");
      chmodSync(folder, 0o500);
      await expect(make("more")).rejects.toMatchObject({
        code: "storage_busy",
        message: expect.stringMatching(/cannot be (opened|written to).*nothing was changed/),
      });
      // What is open goes on.
      await world.must(["resume", "--town", "well"]);
      chmodSync(folder, 0o700);
      await make("more");
      await down();

      const refused = /cannot be used: this user may not write there\. Give one that this user can write/;
      chmodSync(dir.database, 0o400);
      expect(await refusal("up", "--listen", "127.0.0.1:0")).toMatch(refused);
      chmodSync(dir.database, 0o600);
      chmodSync(dir.root, 0o500);
      expect(await refusal("up", "--listen", "127.0.0.1:0")).toMatch(refused);
      expect(await said("data directory")).toMatch(/cannot be written.*give this user the right/);
      chmodSync(dir.root, 0o700);
      await up();
      expect((await world.must(["town", "list"])).stdout).toContain("more");
      await down();
    },
  );
});
