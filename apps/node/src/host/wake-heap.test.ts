import { describe, expect, it } from "vitest";
import { WakeHeap } from "./wake-heap.ts";

/** A small generator with a seed: a failure shows again. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("the wake heap", () => {
  it("gives what is due in order of time, and leaves the rest", () => {
    const heap = new WakeHeap();
    heap.set("c", 30);
    heap.set("a", 10);
    heap.set("b", 20);
    expect(heap.takeDue(20)).toEqual(["a", "b"]);
    expect(heap.peek()).toEqual({ id: "c", at: 30 });
    expect(heap.takeDue(29)).toEqual([]);
  });

  it("moves an id, earlier and later, and keeps it once", () => {
    const heap = new WakeHeap();
    heap.set("a", 10);
    heap.set("b", 20);
    heap.set("a", 30);
    expect(heap.peek()?.id).toBe("b");
    heap.set("a", 5);
    expect(heap.peek()).toEqual({ id: "a", at: 5 });
    expect(heap.size).toBe(2);
  });

  it("forgets an id wherever it sits", () => {
    const heap = new WakeHeap();
    for (const [id, at] of Object.entries({ a: 1, b: 5, c: 2, d: 6, e: 7, f: 3 })) heap.set(id, at);
    heap.delete("b");
    heap.delete("never");
    expect(heap.takeDue(100)).toEqual(["a", "c", "f", "d", "e"]);
    expect(heap.size).toBe(0);
  });

  it("agrees with sorting after 20,000 random moves", () => {
    const heap = new WakeHeap();
    const model = new Map<string, number>();
    const next = random(7);
    for (let i = 0; i < 20_000; i += 1) {
      const id = `t${Math.floor(next() * 500)}`;
      if (next() < 0.2) {
        heap.delete(id);
        model.delete(id);
      } else {
        const at = Math.floor(next() * 1e9);
        heap.set(id, at);
        model.set(id, at);
      }
    }
    const expected = [...model].toSorted((a, b) => a[1] - b[1]).map(([, at]) => at);
    const times: number[] = [];
    for (let first = heap.peek(); first !== undefined; first = heap.peek()) {
      times.push(first.at);
      expect(heap.at(first.id)).toBe(model.get(first.id));
      heap.delete(first.id);
    }
    expect(times).toEqual(expected);
  });
});
