import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Outbox } from "./outbox.ts";
import type { NewItem } from "./outbox.ts";

let dir: string;
let outbox: Outbox;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "gastown-outbox-"));
  outbox = new Outbox(join(dir, "outbox.db"));
});
afterEach(() => {
  outbox.close();
  rmSync(dir, { recursive: true, force: true });
});

const item = (text: string): NewItem => ({ at: 1, type: "notice", data: { text } });
const call = (lane: string, path: string) => ({ lane, path, body: "{}", after: null });

function reopen(): void {
  outbox.close();
  outbox = new Outbox(join(dir, "outbox.db"));
}

describe("calls", () => {
  it("come out oldest first per lane, and survive the process", () => {
    for (const [lane, path] of [
      ["a", "1"],
      ["b", "2"],
      ["a", "3"],
    ] as const)
      outbox.add(call(lane, path));
    reopen();
    const heads = outbox.heads();
    expect(heads.map(({ path }) => path)).toEqual(["1", "2"]);
    for (const { seq } of heads) outbox.remove(seq);
    expect(outbox.heads().map(({ path }) => path)).toEqual(["3"]);
    expect(outbox.empty).toBe(false);
    outbox.remove(outbox.heads()[0]?.seq ?? 0);
    expect(outbox.empty).toBe(true);
  });
});

describe("transcript items", () => {
  it("are numbered on, whatever was delivered or restarted in between", () => {
    outbox.addItems("s1", 5, [item("a"), item("b")]);
    outbox.removeItems("s1", 2);
    reopen();
    outbox.addItems("s1", 5, [item("c")]);
    expect(outbox.nextItems()).toEqual([{ sessionId: "s1", epoch: 5, items: [{ seq: 3, ...item("c") }] }]);
  });

  it("are batched by session and bounded in size", () => {
    outbox.addItems("s1", 5, [item("a")]);
    outbox.addItems("s2", 6, [item("b")]);
    expect(outbox.nextItems().map(({ sessionId, epoch, items }) => [sessionId, epoch, items.length])).toEqual(
      [
        ["s1", 5, 1],
        ["s2", 6, 1],
      ],
    );
    outbox.addItems(
      "s0",
      4,
      Array.from({ length: 40 }, () => item("x".repeat(50_000))),
    );
    const [first] = outbox.nextItems();
    expect(first?.items.length).toBeGreaterThan(5);
    expect(JSON.stringify(first).length).toBeLessThan(512_000);
  });

  it("are taken along by a session that goes on under a higher epoch", () => {
    outbox.addItems("s1", 5, [item("a")]);
    outbox.adopt("s1", 9);
    expect(outbox.nextItems()[0]?.epoch).toBe(9);
  });

  it("are removed up to what was accepted, or all when the session is fenced", () => {
    outbox.addItems("s1", 5, [item("a"), item("b"), item("c")]);
    outbox.removeItems("s1", 2);
    expect(outbox.nextItems()[0]?.items.map(({ seq }) => seq)).toEqual([3]);
    outbox.dropItems("s1");
    expect(outbox.hasItems("s1")).toBe(false);
  });
});
