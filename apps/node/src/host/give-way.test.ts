/** Who gives up its runner for a town that waits. The failures: nobody, everybody, or the same ones twice. */
import { expect, it } from "vitest";
import { GiveWay } from "./give-way.ts";

interface Case {
  readonly needed: number;
  readonly holders: readonly string[];
  readonly idle: readonly string[];
}

function room({ needed, holders, idle }: Case) {
  const asked: string[] = [];
  const state = { needed, holders: [...holders] };
  let settled = Promise.resolve();
  const giveWay = new GiveWay({
    needed: () => state.needed,
    holders: () => state.holders,
    ask: (townId) => {
      asked.push(townId);
      const answer = Promise.resolve(idle.includes(townId));
      settled = answer.then(() => undefined);
      return answer;
    },
  });
  /** Until a round has come to its end: each answer of a town is one step of it. */
  const wanted = async (): Promise<void> => {
    giveWay.wanted();
    for (let last; last !== settled;) {
      last = settled;
      await last;
      await Promise.resolve();
    }
  };
  return { asked, state, wanted };
}

it("asks whoever has had its runner longest first, until as many go as are needed", async () => {
  const { asked, wanted } = room({ needed: 1, holders: ["a", "b", "c"], idle: ["b", "c"] });
  await wanted();
  expect(asked).toEqual(["a", "b"]);
});

it("asks no second town while the one that said yes is on its way out", async () => {
  const { asked, state, wanted } = room({ needed: 1, holders: ["a", "b"], idle: ["a", "b"] });
  await wanted();
  await wanted();
  expect(asked).toEqual(["a"]);
  state.needed = 2;
  await wanted();
  expect(asked).toEqual(["a", "b"]);
});

it("asks a town again that has had another runner since", async () => {
  const { asked, state, wanted } = room({ needed: 1, holders: ["a", "b"], idle: ["a", "b"] });
  await wanted();
  state.holders = ["b"];
  await wanted();
  state.holders = ["a"];
  await wanted();
  expect(asked).toEqual(["a", "b", "a"]);
});

it("tells everybody where nobody is idle: each gives way when its work is over", async () => {
  const { asked, wanted } = room({ needed: 2, holders: ["a", "b", "c"], idle: [] });
  await wanted();
  expect(asked).toEqual(["a", "b", "c"]);
});

it("asks nobody where enough places become free by themselves", async () => {
  const { asked, wanted } = room({ needed: 0, holders: ["a"], idle: ["a"] });
  await wanted();
  expect(asked).toEqual([]);
});
