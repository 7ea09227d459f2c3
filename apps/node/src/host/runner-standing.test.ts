import type { HealthAnswer } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { standingOf, type Standing } from "./runner-standing.ts";

type Health = Pick<HealthAnswer, "draining">;
const health = (draining: boolean): Health => ({ draining });

/** Checks at virtual times, with what each finds; `there` is asked before each. */
async function checked(
  find: (now: number) => Health | undefined,
  there: (now: number) => boolean = () => true,
): Promise<{ standing: Standing; at: number[] }> {
  let now = 0;
  const at: number[] = [];
  const standing = await standingOf({
    isThere: () => there(now),
    ask: () => {
      at.push(now);
      return Promise.resolve(find(now));
    },
    pause: (ms) => {
      now += ms;
      return Promise.resolve();
    },
  });
  return { standing, at };
}

describe("a runner that runs", () => {
  it("is asked once where it answers", async () => {
    expect(await checked(() => health(false))).toEqual({ standing: "healthy", at: [0] });
    expect(await checked(() => health(true))).toEqual({ standing: "draining", at: [0] });
  });

  it("that is busy for a moment is asked again soon", async () => {
    const { standing, at } = await checked((now) => (now === 0 ? undefined : health(false)));
    expect({ standing, at }).toEqual({ standing: "healthy", at: [0, 500] });
  });

  it("is given up when it did not answer for a minute, and not before", async () => {
    const { standing, at } = await checked(() => undefined);
    expect(standing).toBe("silent");
    expect(at.length).toBeGreaterThanOrEqual(3);
    expect(at.at(-1)).toBe(60_000);
    expect(await checked((now) => (now < 60_000 ? undefined : health(false)))).toMatchObject({
      standing: "healthy",
    });
  });

  it("is gone at once where its process has ended meanwhile", async () => {
    expect(
      await checked(
        () => undefined,
        (now) => now < 2_500,
      ),
    ).toEqual({ standing: "gone", at: [0, 500] });
  });
});
