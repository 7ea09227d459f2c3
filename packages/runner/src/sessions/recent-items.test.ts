import { expect, it } from "vitest";
import type { TranscriptItem } from "@gastown/protocol";
import { RecentItems } from "./recent-items.ts";

const item = (seq: number, text = ""): TranscriptItem => ({ seq, at: 0, type: "notice", data: { text } });

it("keeps the last thousand items and says what it keeps no more", () => {
  const recent = new RecentItems();
  recent.add(Array.from({ length: 1_200 }, (_, i) => item(i + 1)));
  expect(recent.after(0, 2)).toMatchObject({
    items: [{ seq: 201 }, { seq: 202 }],
    next_after: 202,
    truncated_before: 201,
  });
  expect(recent.after(200, 1)).toEqual({ items: [item(201)], next_after: 201 });
  expect(recent.after(1_200, 10)).toEqual({ items: [], next_after: 1_200 });
});

it("keeps no more than a megabyte, whatever an agent prints", () => {
  const recent = new RecentItems();
  recent.add(Array.from({ length: 100 }, (_, i) => item(i + 1, "x".repeat(20_000))));
  const { items, truncated_before: first } = recent.after(0, 1_000);
  expect(items.length).toBeLessThan(53);
  expect(items.at(-1)?.seq).toBe(100);
  expect(first).toBe(items[0]?.seq);
});

it("begins with a resumed session's later numbers", () => {
  const recent = new RecentItems();
  expect(recent.after(0, 10)).toEqual({ items: [], next_after: 0 });
  recent.add([item(41)]);
  expect(recent.after(0, 10)).toMatchObject({ items: [{ seq: 41 }], truncated_before: 41 });
});
