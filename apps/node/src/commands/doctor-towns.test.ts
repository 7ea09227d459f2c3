/** What doctor finds in stored towns, and what `doctor --fix` mends of it. */
import { DatabaseSync } from "node:sqlite";
import { beadShape, rigShape, townShape } from "@gastown/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { ApiClient } from "../cli/client.ts";
import { readLocalToken } from "../host/credentials.ts";
import { dataDir } from "../host/data-dir.ts";
import { World, type RunningHost } from "../testing/executable.ts";

const world = new World();
const report = z.object({
  ok: z.boolean(),
  checks: z.array(
    z.object({ name: z.string(), state: z.string(), message: z.string(), action: z.string().optional() }),
  ),
});
let host: RunningHost;
let file: string;
let bead: string;

beforeAll(async () => {
  host = await world.up();
  host.child.stdout.resume();
  const token = readLocalToken(dataDir(world.dataDir));
  const api = new ApiClient({ url: host.url, token, signal: AbortSignal.timeout(120_000), hint: "" });
  const town = await api.post(townShape.pick({ id: true }), "/api/users/user_local/towns", { name: "main" });
  const gitUrl = await world.repository();
  const rig = await api.post(rigShape, `/api/towns/${town.id}/rigs`, { name: "app", gitUrl });
  bead = (await api.post(beadShape, `/api/towns/${town.id}/rigs/${rig.id}/beads`, { title: "forgotten" })).id;
  file = dataDir(world.dataDir).town(town.id);
});
afterAll(() => world.end());

/** The check of the one town, and doctor's exit code. */
async function found(...more: string[]) {
  const finished = await world.run(["doctor", "--json", ...more]);
  const { checks } = finished.json(report);
  const check = checks.find(({ name }) => name.startsWith("invariants of") || name === "repair");
  return { code: finished.code, ...check };
}
function change(sql: string, ...values: string[]): void {
  const db = new DatabaseSync(file);
  db.prepare(sql).run(...values);
  db.close();
}
function all(sql: string): unknown[] {
  const db = new DatabaseSync(file, { readOnly: true });
  const rows = db.prepare(sql).all();
  db.close();
  return rows;
}

describe("doctor", () => {
  it("mends what nobody would look at any more, and only when it is asked to and no server runs", async () => {
    expect(await found()).toMatchObject({ state: "ok" });
    expect(await found("--fix")).toMatchObject({
      code: 8,
      name: "repair",
      message: expect.stringContaining("already runs"),
      action: expect.stringContaining("gastown down"),
    });
    await world.must(["down", "--now"]);
    await host.exit;
    change("update beads set held = null, waiting = null, ready = 0 where id = ?", bead);
    change("delete from schedule where id = ?", bead);
    const seen = await found();
    expect(seen).toMatchObject({ code: 8, state: "failed", message: expect.stringContaining(bead) });
    expect(seen.action).toContain("gastown doctor --fix");
    expect(all("select * from schedule where kind = 'bead'")).toEqual([]);
    expect(await found("--fix")).toMatchObject({ state: "ok" });
    expect(all("select id from schedule where kind = 'bead'")).toMatchObject([{ id: bead }]);
    expect(all("select 1 as one from audit where kind = 'town.repaired'")).toHaveLength(1);
    expect(await found("--fix")).toMatchObject({ state: "ok" });
    expect(all("select 1 as one from audit where kind = 'town.repaired'")).toHaveLength(1);
  });

  it("finds a town that nothing would wake, and stores when it wants to be woken", async () => {
    const wakes = async () => {
      const { checks } = (await world.run(["doctor", "--json"])).json(report);
      return checks.find(({ name }) => name === "wakes");
    };
    const index = (sql: string): unknown[] => {
      const db = new DatabaseSync(dataDir(world.dataDir).database);
      const rows = db.prepare(sql).all();
      db.close();
      return rows;
    };
    expect(await wakes()).toMatchObject({ state: "ok" });
    const [{ id }] = z.tuple([z.object({ id: z.string() })]).parse(all("select town_id as id from town"));
    for (const lose of ["delete from wake", `update wake set at = at + 9999999999 where town = '${id}'`]) {
      index(lose);
      const found = await wakes();
      expect(found).toMatchObject({
        state: "failed",
        message: expect.stringContaining("main wants to run at"),
      });
      expect(found?.action).toContain("gastown doctor --fix");
      await world.run(["doctor", "--fix"]);
      expect(await wakes()).toMatchObject({ state: "ok" });
      const [due] = all("select min(due_at) as at from schedule");
      expect(index("select at from wake")).toEqual([due]);
    }
  });

  it("names a row that is not what it should be", async () => {
    change("update beads set status = 'gone' where id = ?", bead);
    expect(await found()).toMatchObject({
      code: 8,
      state: "failed",
      message: expect.stringContaining(`beads ${bead}: status`),
    });
  });
});
