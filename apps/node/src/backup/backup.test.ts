/** Backups of towns that are in use, and what comes back from them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Actor } from "@gastown/town";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareDataDir, type DataDir } from "../host/data-dir.ts";
import { openHostDatabase } from "../host/host-database.ts";
import { withTownCopy, withTownFile } from "../storage/town-file.ts";
import { nodeSql, sqlOptions } from "../storage/node-sql.ts";
import { openTown } from "@gastown/town";
import { restoreBackup } from "./restore.ts";
import { takeBackup, verifyBackup } from "./take.ts";

const ID = "town_01J00000000000000000000001";
const PERSON: Actor = { kind: "person", id: "user_local", name: "you" };
let root: string;
let dir: DataDir;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gastown-backup-test-"));
  dir = prepareDataDir(join(root, "data"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** A town in its place, opened as a host has it: WAL, not closed. */
function openPlaced(): { db: DatabaseSync; town: ReturnType<typeof openTown> } {
  const db = new DatabaseSync(dir.town(ID), sqlOptions);
  db.exec("pragma journal_mode = wal");
  let n = 0;
  const random = (): Uint8Array => Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? ++n : 7));
  const ports = { sql: nodeSql(db), now: Date.now, random, fallbackRuntime: "scripted" };
  const town = openTown(ports, { id: ID, name: "main" });
  town.addRig({ name: "app", gitUrl: "/repo/app.git" }, PERSON);
  town.registerRunner("run_00000000000000000000000001");
  town.tick();
  return { db, town };
}

describe("a backup", () => {
  it("is taken while the town is in use, and is complete and sound", async () => {
    const { db, town } = openPlaced();
    town.sling("app", { title: "before" }, { held: true }, PERSON);
    const file = join(root, "b");
    const taken = await takeBackup(dir, file, "test", 1);
    town.sling("app", { title: "after" }, { held: true }, PERSON);
    db.close();
    expect(taken).toMatchObject([{ id: ID, name: "main" }]);
    expect(verifyBackup(file)).toMatchObject({ madeAt: 1, towns: [{ damage: null, violations: [] }] });
    await expect(takeBackup(dir, file, "test", 2)).rejects.toThrow(/exists already/);
    const other = join(root, "other");
    expect(restoreBackup(other, file, { replace: false, now: 5 })).toHaveLength(1);
    const titles = withTownFile(prepareDataDir(other).town(ID), (open) =>
      open.beads({}, { limit: 50 }).items.map((bead) => bead.title),
    );
    expect(titles).toContain("before");
    expect(titles).not.toContain("after");
    const database = openHostDatabase(prepareDataDir(other));
    expect(database.towns()).toMatchObject([{ id: ID, name: "main" }]);
    expect(database.wakeAt(ID)).toBe(5);
    database.close();
  });

  it("fences every session and runner of before, also those of after the backup", async () => {
    const { db, town } = openPlaced();
    const [setup] = town.claimEffects();
    town.post({
      type: "effect_answered",
      effectId: setup?.id ?? "",
      attempt: 1,
      answer: {
        type: "outcome",
        outcome: { outcome: "rig_ready", default_branch: "main", head_sha: "a".repeat(40) },
      },
    });
    town.sling("app", { title: "x" }, { held: false }, PERSON);
    town.tick();
    const [session] = town.sessions({ live: true });
    expect(session?.epoch).toBeGreaterThan(0);
    const file = join(root, "b");
    await takeBackup(dir, file, "test", 1);
    const { epoch } = town.registerRunner("run_00000000000000000000000002");
    db.close();
    restoreBackup(dir.root, file, { replace: true, now: 1 });
    withTownFile(dir.town(ID), (open) => {
      expect(open.runnerEpoch()).toBeGreaterThan(epoch);
      expect(() =>
        open.heartbeat(epoch, {
          instance_id: "run_00000000000000000000000002",
          draining: false,
          sessions: [],
        }),
      ).toThrow(/newer runner/);
      expect(open.sessions({ live: true })).toEqual([]);
      expect(open.checkInvariants()).toEqual([]);
    });
  });

  it("that is damaged, or of something else, changes nothing", async () => {
    const { db } = openPlaced();
    const file = join(root, "b");
    await takeBackup(dir, file, "test", 1);
    db.close();
    const bytes = readFileSync(file);
    const cut = new DatabaseSync(file, sqlOptions);
    cut.exec("update piece set data = zeroblob(length(data)) where n = 0");
    cut.close();
    const other = join(root, "other");
    expect(() => restoreBackup(other, file, { replace: false, now: 1 })).toThrow(/damaged/);
    writeFileSync(file, bytes.subarray(0, 100));
    expect(() => restoreBackup(other, file, { replace: false, now: 1 })).toThrow(/no backup|damaged/);
    const database = openHostDatabase(prepareDataDir(other));
    expect(database.towns()).toEqual([]);
    expect(() => restoreBackup(other, file, { replace: false, now: 1 })).toThrow(/no backup|damaged/);
    database.close();
  });

  it("of a file whose index is not what its table says is told at the check", async () => {
    const { db, town } = openPlaced();
    town.sling("app", { title: "x" }, { held: true }, PERSON);
    const find = "select rootpage from sqlite_schema where name = 'beads_created'";
    const page = Number(db.prepare(find).get()?.["rootpage"]);
    db.close();
    // What a failing disk leaves: the backup is as the file is, and an index of that says it has no row.
    const bytes = readFileSync(dir.town(ID));
    bytes.writeUInt16BE(0, (page - 1) * bytes.readUInt16BE(16) + 3);
    writeFileSync(dir.town(ID), bytes);
    const file = join(root, "b");
    await takeBackup(dir, file, "test", 1);
    expect(verifyBackup(file).towns[0]?.damage).toContain(`on page ${page}`);
  });

  it("of a newer gastown is refused, and nothing is touched", async () => {
    const { db } = openPlaced();
    db.exec("update schema_version set version = version + 1");
    const file = join(root, "b");
    await takeBackup(dir, file, "test", 1);
    db.close();
    const other = join(root, "other");
    expect(() => restoreBackup(other, file, { replace: false, now: 1 })).toThrow(/newer gastown/);
    const database = openHostDatabase(prepareDataDir(other));
    expect(database.towns()).toEqual([]);
    database.close();
  });
});

describe("a copy of a town's file", () => {
  it("taken at any moment of its work opens and is sound", async () => {
    const { db, town } = openPlaced();
    for (let i = 0; i < 20; i++) {
      town.sling("app", { title: `bead ${i}` }, { held: i % 2 === 0 }, PERSON);
      if (i % 3 === 0) town.tick();
      const violations = await withTownCopy(dir.town(ID), (copy) => copy.checkInvariants());
      expect(violations).toEqual([]);
    }
    db.close();
  });
});
