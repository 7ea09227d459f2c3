import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MAX_LOG } from "@gastown/protocol";
import { newId } from "../ulid.ts";
import { LogStore } from "./log-store.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gastown-logs-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const asIs = (line: string): string => line;

async function read(store: LogStore, id: string | null): Promise<string | null> {
  const found = await store.open(id ?? "");
  return found === null ? null : text(found.text);
}

test("a log is there while it is written, and with all that was said when it has ended", async () => {
  const store = new LogStore(dir);
  const log = store.begin(asIs);
  log.write(Buffer.from("one\ntw"));
  const euro = Buffer.from("o €\n");
  log.write(euro.subarray(0, 3));
  log.write(euro.subarray(3));
  expect(await read(store, log.id)).toBe("one\ntwo €\n");
  expect(await store.open(log.id)).toMatchObject({ live: true });
  log.write(Buffer.from("no end"));
  expect(log.end()).toBe(log.id);
  expect(await read(store, log.id)).toBe("one\ntwo €\nno end");
  expect(await read(new LogStore(dir), log.id)).toBe("one\ntwo €\nno end");
});

test("whoever follows a log reads what there is and what comes, until it ends or they go", async () => {
  const store = new LogStore(dir);
  const log = store.begin(asIs);
  log.write(Buffer.from("one\n"));
  const gone = new AbortController();
  const [stays, goes] = await Promise.all([
    store.follow(log.id, new AbortController().signal),
    store.follow(log.id, gone.signal),
  ]);
  if (stays === null || goes === null) throw new Error("There is no log.");
  const reader = goes.text.pipeThrough(new TextDecoderStream()).getReader();
  expect((await reader.read()).value).toBe("one\n");
  gone.abort();
  expect((await reader.read()).done).toBe(true);
  const all = text(stays.text);
  log.write(Buffer.from("two\n"));
  log.write(Buffer.from("three"));
  log.end();
  log.write(Buffer.from("too late\n"));
  expect(await all).toBe("one\ntwo\nthree");
  expect(await store.open(log.id)).toMatchObject({ live: false });
  const after = await store.follow(log.id, gone.signal);
  expect(after).toMatchObject({ live: false });
  expect(await store.follow(newId("log"), gone.signal)).toBeNull();
  await after?.text.cancel();
});

test("a flood keeps its beginning and its end, within its bounds", async () => {
  const store = new LogStore(dir);
  const log = store.begin(asIs);
  const line = `${"x".repeat(63)}\n`;
  log.write(Buffer.from("the beginning\n"));
  for (let i = 0; i < 400; i += 1) log.write(Buffer.from(line.repeat(1_000)));
  log.write(Buffer.from("the end\n"));
  const found = (await read(store, log.end())) ?? "";
  expect(found.length).toBeLessThanOrEqual(MAX_LOG);
  expect(found.length).toBeGreaterThan(MAX_LOG - 16_384);
  expect(found).toMatch(/^the beginning\n/);
  expect(found).toMatch(/\n\(\d+ bytes are left out here\)\n/);
  expect(found).toMatch(/\nthe end\n$/);
});

test("secrets are taken out, also where a chunk ends within one", async () => {
  const store = new LogStore(dir);
  const log = store.begin((line) => line.replaceAll("hunter22", "[secret]"));
  for (const part of ["password: hun", "ter22\nagain hunter22", " end\n"]) log.write(Buffer.from(part));
  expect(await read(store, log.end())).toBe("password: [secret]\nagain [secret] end\n");
});

test("what a killed runner had begun is gone, and a dropped one at once", () => {
  const store = new LogStore(dir);
  store.begin(asIs).write(Buffer.from("half\n"));
  store.begin(asIs).drop();
  expect(readdirSync(dir)).toHaveLength(1);
  expect(new LogStore(dir)).toBeDefined();
  expect(readdirSync(dir)).toEqual([]);
});

test("the oldest go first, by size and by number", async () => {
  const store = new LogStore(dir, { bytes: 25, files: 3 });
  const ids = [1, 2, 3, 4, 5].map((at) => newId("log", at * 1_000));
  for (const id of ids) writeFileSync(join(dir, `${id}.log`), "x".repeat(10));
  await store.prune();
  expect(readdirSync(dir).toSorted()).toEqual(ids.slice(3).map((id) => `${id}.log`));
  writeFileSync(join(dir, `${newId("log", 9_000)}.log`), "");
  writeFileSync(join(dir, `${newId("log", 9_001)}.log`), "");
  await store.prune();
  expect(readdirSync(dir)).toHaveLength(3);
});

test("names that are no ids are nowhere", async () => {
  const store = new LogStore(dir);
  writeFileSync(join(dir, "..", "outside.log"), "x");
  for (const id of ["", "../outside", "log_1", `${newId("log")}/..`])
    expect(await read(store, id)).toBeNull();
  rmSync(join(dir, "..", "outside.log"));
});

test("a disk that refuses costs the log and nothing else", () => {
  const store = new LogStore(dir);
  rmSync(dir, { recursive: true });
  const log = store.begin(asIs);
  log.write(Buffer.from("something\n"));
  expect(log.end()).toBeNull();
});
