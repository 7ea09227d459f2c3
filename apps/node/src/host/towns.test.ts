/** The Node host's towns, with a clock that is moved by hand and no runner. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { idMaker } from "@gastown/town";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareDataDir, type DataDir } from "./data-dir.ts";
import { openHostDatabase, type HostDatabase } from "./host-database.ts";
import { Towns } from "./towns.ts";
import { REST_MS } from "./wake-marks.ts";

const PERSON = { kind: "person", id: "user_local", name: "You" } as const;
const MINUTE = 60_000;

let dir: DataDir;
let database: HostDatabase;
let now: number;
/** The time that passes, whatever the wall clock says. */
let passed: number;
let timers: Set<{ at: number; fn: () => void }>;
let adopted: string[];
let logged: string[];
let retired: string[];
let open: Towns[];

beforeEach(() => {
  dir = prepareDataDir(mkdtempSync(join(tmpdir(), "gastown-towns-")));
  database = openHostDatabase(dir);
  now = Date.UTC(2026, 0, 1);
  passed = 0;
  timers = new Set();
  adopted = [];
  logged = [];
  retired = [];
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((towns) => towns.close()));
  database.close();
  rmSync(dir.root, { recursive: true, force: true });
});

const bytes = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count));

function host(more: Partial<ConstructorParameters<typeof Towns>[0]> = {}): Towns {
  const makeId = idMaker(
    () => now,
    () => bytes(16),
  );
  const towns = new Towns({
    dir,
    database,
    now: () => now,
    monotonic: () => passed,
    setTimer: (delay, fn) => {
      const timer = { at: passed + delay, fn };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    sink: { event: () => {}, log: (_level, message) => void logged.push(message) },
    perform: async () => ({ type: "retry", message: "nobody is there", counted: false }),
    fallbackRuntime: "scripted",
    version: "test",
    randomBytes: bytes,
    newTownId: () => makeId("town"),
    beforeFirstOpen: async (townId) => void adopted.push(townId),
    hasRunner: () => false,
    retireRunner: async (townId) => void retired.push(townId),
    ...more,
  });
  open.push(towns);
  return towns;
}

/** Lets everything that was begun come to rest. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function advance(ms: number): Promise<void> {
  await settled();
  now += ms;
  passed += ms;
  for (const timer of [...timers].filter((one) => one.at <= passed)) {
    timers.delete(timer);
    timer.fn();
  }
  await settled();
}

describe("the towns of a host", () => {
  it("are made, listed and found again, each in its own file", async () => {
    const towns = host();
    const one = await towns.create("one");
    expect(existsSync(dir.town(one.id))).toBe(true);
    expect(await towns.get(one.id)).toBe(one);
    expect(await towns.get("town_unknown")).toBeUndefined();
    expect(towns.list()).toEqual([{ id: one.id, name: "one", createdAt: new Date(now).toISOString() }]);
  });

  it("that are deleted leave no file, no record, no wake and no timer, also after a crash in between", async () => {
    const towns = host();
    const { id } = await towns.create("one");
    const other = await towns.create("other");
    (await towns.get(id))?.run((town) => town.addRig({ name: "app", gitUrl: "/repo.git" }, PERSON));
    await advance(REST_MS);
    mkdirSync(join(dir.runner(id), "slots"), { recursive: true });
    await towns.remove(id);
    expect(retired).toEqual([id]);
    expect([dir.town(id), `${dir.town(id)}-wal`, dir.runner(id)].filter((path) => existsSync(path))).toEqual(
      [],
    );
    expect(await towns.get(id)).toBeUndefined();
    await advance(60 * MINUTE);
    expect(database.wakes().map(({ town }) => town)).not.toContain(id);
    expect(towns.list().map((town) => town.id)).toEqual([other.id]);
    // The file went and the host died: the record is there, and deleting it again works.
    rmSync(dir.town(other.id), { force: true });
    const next = host();
    await next.remove(other.id);
    expect(next.list()).toEqual([]);
    expect([...timers].filter((timer) => timer.at > passed + 60 * MINUTE)).toEqual([]);
  });

  it("leave nothing behind when they cannot be made", async () => {
    const towns = host();
    database.sql.exec("drop table towns");
    await expect(towns.create("one")).rejects.toThrow("no such table");
    expect(existsSync(dir.town(database.wakes()[0]?.town ?? "none"))).toBe(false);
    database.sql.exec("create table towns (id text primary key, name text, created_at integer)");
    expect(towns.list()).toEqual([]);
  });

  it("read *now* in the wake index from before their first commit until a tick has stored the next time", async () => {
    const towns = host();
    const { id } = await towns.create("one");
    await advance(REST_MS);
    const later = now + 1;
    now = later;
    const actor = await towns.get(id);
    let within: number | undefined;
    actor?.run((town) => {
      within = database.wakeAt(id);
      town.pause("a test", PERSON);
    });
    // A crash here leaves the mark, and the next host wakes the town.
    expect(within).toBe(later);
    await settled();
    expect(database.wakeAt(id)).toBe(later);
    await advance(REST_MS);
    expect(database.wakeAt(id)).toBe(actor?.read((town) => town.nextWakeAt()) ?? undefined);
  });

  it("are marked once while they are busy, because each mark waits for the disk", async () => {
    const towns = host();
    const actor = await towns.create("one");
    await advance(REST_MS);
    let flushed = 0;
    const { setWake } = database;
    database.setWake = (town, at, when, durable) => {
      if (durable) flushed += 1;
      setWake(town, at, when, durable);
    };
    for (let i = 0; i < 5; i += 1) {
      actor.run((town) => town.pause(`test ${i}`, PERSON));
      await advance(REST_MS - 1);
    }
    expect(flushed).toBe(1);
  });

  it("store their next time when they are closed before they have rested", async () => {
    const towns = host();
    const actor = await towns.create("one");
    await settled();
    const next = actor.read((town) => town.nextWakeAt());
    await towns.close();
    expect(database.wakeAt(actor.id)).toBe(next ?? undefined);
  });

  it("are closed when nobody uses them, hold no timer then, and open again", async () => {
    const towns = host();
    const one = await towns.create("one");
    await settled();
    expect(towns.openTowns()).toEqual([one]);
    await advance(MINUTE);
    expect(towns.openTowns()).toEqual([]);
    expect(timers.size).toBe(0);
    const again = await towns.get(one.id);
    expect(again).not.toBe(one);
    expect(again?.read((town) => town.town().name)).toBe("one");
    // Neither was there a runner to look for, nor is the second opening a beginning.
    expect(adopted).toEqual([]);
  });

  it("are served also where what tidies them at first fails, which is told", async () => {
    const first = host();
    const { id } = await first.create("one");
    await first.close();
    const next = host({ tidy: () => Promise.reject(new Error("no key")) });
    const actor = await next.get(id);
    expect(actor?.read((town) => town.town().name)).toBe("one");
    expect(actor?.run((town) => town.pause("x", PERSON))).toBeUndefined();
    expect(logged).toContain("A town could not be tidied: no key");
  });

  it("stay open while somebody waits for them", async () => {
    const towns = host();
    const one = await towns.create("one");
    const waited = one.wait(() => undefined, 10 * MINUTE);
    await advance(5 * MINUTE);
    expect(towns.openTowns()).toEqual([one]);
    await advance(5 * MINUTE);
    expect(await waited).toBeUndefined();
  });

  it("are given once to callers that come together", async () => {
    const towns = host();
    const { id } = await towns.create("one");
    await advance(MINUTE);
    const actors = await Promise.all([towns.get(id), towns.get(id), towns.get(id)]);
    expect(new Set(actors).size).toBe(1);
  });

  it("are woken by the next host when they had something to do soon, and left asleep otherwise", async () => {
    const first = host();
    const busy = await first.create("busy");
    const asleep = await first.create("asleep");
    const far = await first.create("far");
    await settled();
    await first.close();
    database.setWake(busy.id, now + MINUTE, now, false);
    database.setWake(asleep.id, null, now, false);
    database.setWake(far.id, now + 60 * MINUTE, now, false);
    const second = host();
    second.start();
    await advance(0);
    await settled();
    expect(second.openTowns().map((actor) => actor.id)).toEqual([busy.id]);
    expect(adopted).toEqual([busy.id]);
    const woken = passed;
    await advance(REST_MS);
    expect([...timers].map((timer) => timer.at)).toContain(woken + MINUTE);
  });

  it("are not woken a day late by a clock that was set back while no host ran", async () => {
    const first = host();
    const { id } = await first.create("waits");
    await settled();
    await first.close();
    database.setWake(id, now + 60 * MINUTE, now, false);
    now -= 24 * 60 * MINUTE;
    const second = host();
    second.start();
    await advance(59 * MINUTE);
    expect(second.openTowns()).toEqual([]);
    await advance(MINUTE);
    await settled();
    expect(second.openTowns().map((actor) => actor.id)).toEqual([id]);
  });

  it("that cannot be opened are told why, and keep no other from being served", async () => {
    const first = host();
    const ids = [];
    for (const name of ["well", "damaged", "newer"]) ids.push((await first.create(name)).id);
    const [well = "", damaged = "", newer = ""] = ids;
    await settled();
    await first.close();
    const bytes = readFileSync(dir.town(damaged));
    writeFileSync(dir.town(damaged), bytes.fill(0x5a, 4096));
    const db = new DatabaseSync(dir.town(newer));
    db.exec("update schema_version set version = 9999");
    db.close();
    const before = readFileSync(dir.town(newer));
    for (const id of ids) database.setWake(id, now, now, false);
    logged = [];
    const second = host();
    second.start();
    await advance(1);
    await settled();
    expect(second.openTowns().map((actor) => actor.id)).toEqual([well]);
    expect(logged.toSorted()).toMatchObject([
      expect.stringMatching(/could not be opened: The town's file is damaged.*gastown doctor.*restore/),
      expect.stringMatching(/could not be opened: .*schema version 9999.*Use the newer gastown/),
    ]);
    await expect(second.get(damaged)).rejects.toMatchObject({ code: "not_ready" });
    await expect(second.get(newer)).rejects.toMatchObject({ code: "not_ready" });
    expect(readFileSync(dir.town(newer)).equals(before)).toBe(true);
    (await second.get(well))?.run((town) => town.pause("it goes on", PERSON));
    await settled();
  });

  it("take no more work once the host stops", async () => {
    const towns = host();
    const one = await towns.create("one");
    await towns.close();
    expect(() => one.run((town) => town.pause("late", PERSON))).toThrow(/being closed/);
    expect(await towns.get(one.id)).toBeUndefined();
  });
});
