import { describe, expect, it } from "vitest";
import type { EffectOutcome } from "@gastown/protocol";
import { Effects } from "./effects.ts";
import type { EffectContext } from "./effects.ts";

const MERGED: EffectOutcome = { outcome: "merged", commit: "a".repeat(40), already: false };

function setUp(): { effects: Effects; sent: { id: string; body: object }[]; settled: () => Promise<void> } {
  const sent: { id: string; body: object }[] = [];
  let tell = Promise.withResolvers<void>();
  const sender = {
    effect: (id: string, body: object) => {
      sent.push({ id, body });
      tell.resolve();
      tell = Promise.withResolvers();
    },
  };
  return { effects: new Effects(sender, () => undefined), sent, settled: () => tell.promise };
}

/** Work that waits until it is let go, and fails when it is aborted. */
function gated(): {
  work: (context: EffectContext) => Promise<EffectOutcome>;
  go: () => void;
  runs: EffectContext[];
} {
  const gate = Promise.withResolvers<void>();
  const runs: EffectContext[] = [];
  const work = (context: EffectContext): Promise<EffectOutcome> => {
    runs.push(context);
    return new Promise((resolve, reject) => {
      context.signal.addEventListener("abort", () => reject(context.signal.reason));
      void gate.promise.then(() => resolve(MERGED));
    });
  };
  return { work, go: gate.resolve, runs };
}

describe("an effect", () => {
  it("runs once, and its result carries the newest attempt that asked", async () => {
    const { effects, sent, settled } = setUp();
    const { work, go, runs } = gated();
    effects.begin("eff_1", 1, work);
    effects.begin("eff_1", 3, work);
    effects.begin("eff_1", 2, work);
    const done = settled();
    go();
    await done;
    expect(runs).toHaveLength(1);
    expect(sent).toEqual([{ id: "eff_1", body: { attempt: 3, result: MERGED } }]);
    effects.begin("eff_1", 4, work);
    expect(sent.at(-1)).toEqual({ id: "eff_1", body: { attempt: 4, result: MERGED } });
    expect(runs).toHaveLength(1);
  });

  it("that throws is an error with its message", async () => {
    const { effects, sent, settled } = setUp();
    const done = settled();
    effects.begin("eff_1", 1, () => Promise.reject(new Error("broken")));
    await done;
    expect(sent).toEqual([
      { id: "eff_1", body: { attempt: 1, result: { outcome: "error", message: "broken" } } },
    ]);
  });
});

describe("withdrawing an effect", () => {
  it("works until its push begins", async () => {
    const { effects, sent, settled } = setUp();
    const { work, runs } = gated();
    effects.begin("eff_1", 1, work);
    const done = settled();
    effects.withdraw("eff_1");
    await done;
    expect(sent).toEqual([{ id: "eff_1", body: { attempt: 1, result: { outcome: "withdrawn" } } }]);
    expect(runs[0]?.canPush()).toBe(false);
    effects.withdraw("eff_1");
    effects.withdraw("eff_unknown");
    expect(sent).toHaveLength(1);
  });

  it("is refused afterwards, and the result stands", async () => {
    const { effects, sent, settled } = setUp();
    const { work, go, runs } = gated();
    effects.begin("eff_1", 1, work);
    expect(runs[0]?.canPush()).toBe(true);
    expect(() => effects.withdraw("eff_1")).toThrow(expect.objectContaining({ code: "invalid_transition" }));
    const done = settled();
    go();
    await done;
    expect(sent[0]?.body).toMatchObject({ result: MERGED });
  });
});

describe("the end of the runner", () => {
  it("aborts what runs and says nothing about it", async () => {
    const { effects, sent } = setUp();
    const { work } = gated();
    effects.begin("eff_1", 1, work);
    await effects.stop();
    expect(sent).toEqual([]);
  });
});
