/** A small model says which threads of bots and strangers block (spec/review.md §4.3); all else blocks. */
import type { AskRequest, ReviewThread } from "@gastown/protocol";
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import type { Sql } from "../kernel/sql.ts";
import type { EffectAnswer } from "../town.ts";
import { outcome, PERSON } from "./harness.ts";
import { forgeHarness, thread, threadsOf } from "./memory-forge.ts";

const MINUTE = 60_000;

type Comment = ReviewThread["comments"][number];
const by = (id: string, body: string, author: Partial<Comment>): ReviewThread => {
  const made = thread(id, body);
  return { ...made, comments: made.comments.map((comment) => ({ ...comment, ...author })) };
};
const bot = (id: string, body: string): ReviewThread =>
  by(id, body, { author: "scanner", author_kind: "bot" });
const stranger = (id: string, body: string): ReviewThread =>
  by(id, body, { author: "eve", can_write: false });

/** Given an approved pull request, watched, whose threads the model judges by `says`. */
function watched(sql: Sql, says: (ask: AskRequest) => EffectAnswer, review: Record<string, unknown> = {}) {
  const h = forgeHarness(sql, {
    classify_threads: true,
    auto_resolve_feedback: true,
    auto_merge_delay_minutes: 5,
    ...review,
  });
  const asked: AskRequest[] = [];
  h.on.ask_model = ({ body }) => {
    asked.push(body);
    return says(body);
  };
  const bead = h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON).id;
  h.settle();
  return { h, bead, asked, pull: h.forge.pull("Add x") };
}
const answers = (text: string) => (): EffectAnswer => outcome({ outcome: "answered", text });
const lets =
  (...passing: number[]) =>
  (): EffectAnswer =>
    outcome({
      outcome: "answered",
      text: `Sure. ${JSON.stringify({ threads: [1, 2, 3].map((one) => ({ thread: one, blocking: !passing.includes(one) })) })}`,
    });

describe("threads that a small model judges", () => {
  it("do not keep a pull request from merging where it lets them pass, and are asked about once", () =>
    withSql((sql) => {
      const { h, bead, asked, pull } = watched(sql, lets(1, 2));
      threadsOf(pull, [bot("t1", "fyi: coverage is 93 %"), stranger("t2", "fyi: nice work")]);
      h.advance(MINUTE);
      expect(asked).toHaveLength(1);
      expect(asked[0]).toMatchObject({ runtime: "scripted", model: null });
      for (const part of [
        "## Thread 1 on src/a.ts:3",
        "scanner (bot): fyi: coverage",
        "## Thread 2",
        "eve (person)",
      ])
        expect(asked[0]?.prompt).toContain(part);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "grace" } });
      h.advance(10 * MINUTE);
      expect(h.town.merge(bead).state).toBe("merged");
      expect(asked).toHaveLength(1);
      expect(h.town.checkInvariants()).toEqual([]);
      const [event] = h.town.feed({ limit: 50, kind: "pr.threads_classified" });
      expect(event?.text).toContain("lets 2 of 2 thread(s) of bots and strangers pass");
    }));

  it("become work where it says that they block", () =>
    withSql((sql) => {
      const { h, bead, pull } = watched(sql, lets(1));
      threadsOf(pull, [bot("t1", "fyi"), bot("t2", "this leaks a handle")]);
      h.auto.done = false;
      h.advance(MINUTE);
      expect(h.town.merge(bead).state).toBe("changes_requested");
      const order = h.carriedOut.flatMap((one) =>
        one.kind === "start_session" && one.plan.prime.work_order ? [one.plan.prime.work_order.text] : [],
      );
      expect(order).toHaveLength(1);
      expect(order[0]).toContain("this leaks a handle");
      expect(order[0]).not.toContain("Thread t1");
    }));

  it.each([
    ["says nothing that can be read", answers("I think they are fine, merge it!")],
    [
      "says both things of one thread",
      answers('{"threads":[{"thread":1,"blocking":false},{"thread":1,"blocking":true}]}'),
    ],
    ["speaks of other threads", answers('{"threads":[{"thread":7,"blocking":false}]}')],
    ["could not be asked", () => outcome({ outcome: "error", message: "no model" })],
    [
      "is refused",
      (): EffectAnswer => ({ type: "refused", reason: { code: "runtime_missing", message: "" } }),
    ],
  ])("block where it %s", (_what, says) =>
    withSql((sql) => {
      const { h, bead, asked, pull } = watched(sql, says, { auto_resolve_feedback: false });
      threadsOf(pull, [bot("t1", "fyi")]);
      h.advance(30 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({ state: "approved", waitingOn: { code: "threads" } });
      expect(asked, "it is not asked again and again").toHaveLength(1);
      expect(h.town.checkInvariants()).toEqual([]);
    }),
  );

  it("are judged anew when somebody says more, and block once that is somebody with write access", () =>
    withSql((sql) => {
      const { h, bead, asked, pull } = watched(sql, lets(1), {
        auto_merge: false,
        auto_resolve_feedback: false,
      });
      const first = bot("t1", "fyi");
      threadsOf(pull, [first]);
      h.advance(MINUTE);
      expect(h.town.merge(bead).waitingOn?.code).toBe("manual");
      const [said] = first.comments;
      const more = stranger("t1", "fyi too").comments.map((one) => ({ ...one, id: "t1-2" }));
      threadsOf(pull, [{ ...first, comments: [...(said ? [said] : []), ...more] }]);
      h.advance(MINUTE);
      expect(asked).toHaveLength(2);
      expect(h.town.merge(bead).waitingOn?.code).toBe("manual");
      const writer = thread("t1", "I do mind").comments.map((one) => ({ ...one, id: "t1-3" }));
      threadsOf(pull, [{ ...first, comments: [...(said ? [said] : []), ...more, ...writer] }]);
      h.advance(MINUTE);
      expect(asked).toHaveLength(2);
      expect(h.town.merge(bead).waitingOn?.code).toBe("threads");
    }));

  it("are not asked about where people with write access, or unknown ones, have spoken, or it is switched off", () =>
    withSql((sql) => {
      const { h, bead, asked, pull } = watched(sql, lets(1, 2), { auto_resolve_feedback: false });
      threadsOf(pull, [
        thread("t1", "rename it"),
        by("t2", "hm", { author_kind: "unknown", can_write: null }),
      ]);
      h.advance(10 * MINUTE);
      expect(asked).toEqual([]);
      expect(h.town.merge(bead).waitingOn?.message).toBe("has 2 unresolved threads");
      h.town.setRigConfig(h.rig, { review: { classify_threads: false } }, PERSON);
      threadsOf(pull, [bot("t3", "fyi")]);
      h.advance(10 * MINUTE);
      expect(asked).toEqual([]);
    }));

  it("block where they are longer than the model is shown, for it would judge a part", () =>
    withSql((sql) => {
      const { h, bead, asked, pull } = watched(sql, lets(1), { auto_resolve_feedback: false });
      threadsOf(pull, [bot("t1", `fyi ${"x".repeat(5_000)} this leaks a handle`)]);
      h.advance(10 * MINUTE);
      expect(asked).toEqual([]);
      expect(h.town.merge(bead).waitingOn?.message).toBe("has 1 unresolved thread");
    }));

  it("are asked about in several questions where one would cut them off", () =>
    withSql((sql) => {
      const all = (body: AskRequest): EffectAnswer =>
        outcome({
          outcome: "answered",
          text: JSON.stringify({
            // Also of threads that it was not shown.
            threads: Array.from({ length: 60 }, (_, one) => ({
              thread: one + 1,
              blocking: body.attempt > 9,
            })),
          }),
        });
      const { h, bead, asked, pull } = watched(sql, all);
      const threads = Array.from({ length: 30 }, (_, one) =>
        bot(`t${one}`, `fyi ${one} ${"x".repeat(3_500)}`),
      );
      threadsOf(pull, threads);
      h.advance(2 * MINUTE);
      expect(asked.length).toBeGreaterThan(1);
      for (const { comments } of threads)
        expect(asked.filter(({ prompt }) => prompt.includes(comments[0]?.body ?? "?")).length).toBe(1);
      expect(h.town.merge(bead).waitingOn?.code).toBe("grace");
    }));

  it("are waited for with a reason, also across a lost answer", () =>
    withSql((sql) => {
      const lost = { left: 1 };
      const { h, bead, asked, pull } = watched(sql, () => {
        if (lost.left-- > 0) return { type: "accepted" };
        return lets(1)();
      });
      threadsOf(pull, [bot("t1", "fyi")]);
      h.advance(2 * MINUTE);
      expect(h.town.merge(bead)).toMatchObject({
        state: "approved",
        waitingOn: {
          code: "threads",
          message: expect.stringContaining("a small model is asked whether a thread"),
        },
      });
      h.advance(30 * MINUTE);
      expect(asked.map((one) => one.attempt)).toEqual([1, 2]);
      expect(h.town.merge(bead).state).toBe("merged");
    }));
});
