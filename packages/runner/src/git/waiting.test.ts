import { expect, test } from "vitest";
import { Batcher, KeyedLock, Semaphore } from "./waiting.ts";

const never = new AbortController().signal;

function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

test("callers of one moment share a run; who comes after it began shares the next", async () => {
  const runs: string[][] = [];
  const first = gate();
  const begun = gate();
  const batcher = new Batcher(async (_key, items) => {
    runs.push([...items]);
    begun.open();
    if (runs.length === 1) await first.opened;
    return runs.length;
  });
  const early = [batcher.add("r", ["a"]), batcher.add("r", ["b"])];
  await begun.opened;
  const late = [batcher.add("r", ["a"]), batcher.add("r", ["c"])];
  first.open();
  expect(await Promise.all([...early, ...late])).toEqual([1, 1, 2, 2]);
  expect(runs).toEqual([
    ["a", "b"],
    ["a", "c"],
  ]);
  expect(await batcher.add("r", ["d"])).toBe(3);
});

test("a failed run fails its own callers only", async () => {
  let runs = 0;
  const batcher = new Batcher(async () => {
    runs += 1;
    if (runs === 1) throw new Error("first");
    return runs;
  });
  const failed = batcher.add("r", ["a"]);
  await expect(failed).rejects.toThrow("first");
  expect(await batcher.add("r", ["a"])).toBe(2);
});

test("keys do not wait for each other", async () => {
  const stuck = gate();
  const batcher = new Batcher(async (key) => {
    if (key === "slow") await stuck.opened;
    return key;
  });
  const slow = batcher.add("slow", []);
  expect(await batcher.add("quick", [])).toBe("quick");
  stuck.open();
  expect(await slow).toBe("slow");
});

test("a semaphore lets so many in, in order, and an aborted one leaves the queue", async () => {
  const semaphore = new Semaphore(1);
  const order: string[] = [];
  const hold = gate();
  const first = semaphore.run(never, async () => {
    await hold.opened;
    order.push("first");
  });
  const stop = new AbortController();
  const second = semaphore.run(stop.signal, async () => order.push("second"));
  const third = semaphore.run(never, async () => order.push("third"));
  stop.abort(new Error("enough"));
  await expect(second).rejects.toThrow("enough");
  hold.open();
  await Promise.all([first, third]);
  expect(order).toEqual(["first", "third"]);
});

test("a failure gives its place back", async () => {
  const lock = new KeyedLock();
  await expect(lock.run("k", never, () => Promise.reject(new Error("x")))).rejects.toThrow("x");
  expect(await lock.run("k", never, async () => 1)).toBe(1);
});
