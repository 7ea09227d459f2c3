/** Why a bead is not running, in a sentence (spec/api.md §3.6). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "../scenarios/harness.ts";
import { forgeHarness, http, thread, threadsOf, type ForgeHarness } from "../scenarios/memory-forge.ts";

const START = "2026-09-21 14:13";
const sling = (h: Harness, title: string, dependsOn: string[] = []) =>
  h.town.sling(h.rig, { title, dependsOn }, { held: false }, PERSON).id;
const holding = (h: Harness, id: string): string[] =>
  h.town
    .why(id)
    .why.filter((check) => check.holds)
    .map((check) => check.code);
const commands = (h: Harness, id: string): string[] => h.town.why(id).actions.map(({ command }) => command);

describe("why a pull request is not merged", () => {
  it.each<[string, Record<string, unknown>, (h: ForgeHarness) => void, string]>([
    ["grace", { auto_merge_delay_minutes: 60 }, () => undefined, "it is read once more and merged"],
    ["manual", { auto_merge: false }, () => undefined, "a person does what it needs"],
    [
      "approval",
      { auto_merge: false },
      (h) => void (h.forge.pull("a").signals.approval = { state: "known", decision: "review_required" }),
      "somebody approves it",
    ],
    [
      "threads",
      { auto_merge: false },
      (h) => threadsOf(h.forge.pull("a"), [thread("t", "no")]),
      "its threads are resolved",
    ],
    ["poll_backoff", { auto_merge: false }, (h) => void (h.forge.error = http(500)), "is read again"],
    [
      "held",
      { auto_merge: false },
      (h) => void h.town.holdMerge(h.bead("a").id, PERSON),
      "a person releases it",
    ],
  ])("tells %s", (code, review, change, next) =>
    withSql((sql) => {
      const h = forgeHarness(sql, review);
      const id = sling(h, "a");
      h.settle();
      change(h);
      h.advance(61_000);
      const told = h.town.why(id);
      expect(told).toMatchObject({ waitingOn: { code }, next: { event: expect.stringContaining(next) } });
      expect(commands(h, id)).not.toContainEqual(expect.stringContaining("bead start"));
    }),
  );
});

it("tells how a held landing is released, and where a paused branch is seen", () =>
  withSql((sql) => {
    const h = forgeHarness(sql, { auto_merge: false });
    const id = sling(h, "a");
    h.settle();
    h.town.pauseLane(h.rig, "main", PERSON);
    h.settle();
    expect(h.town.why(id).waitingOn).toMatchObject({ code: "held" });
    expect(commands(h, id)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^gastown merge release bead_/), "gastown lanes"]),
    );
  }));

describe("why", () => {
  it("tells a held bead's hold and how to end it", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { id, shortId } = h.town.sling(h.rig, { title: "a" }, { held: true }, PERSON);
      h.settle();
      expect(h.town.why(id)).toMatchObject({
        state: "open",
        sentence: `a waits since ${START}: held (created_held) until somebody starts it.`,
        next: { event: "a person starts it", at: null },
      });
      expect(commands(h, id)).toContain(`gastown bead start ${shortId}`);
    }));

  it("follows blockers down to the one that decides", () =>
    withSql((sql) => {
      const h = harness(sql);
      const first = h.town.sling(h.rig, { title: "first" }, { held: true }, PERSON).id;
      const second = sling(h, "second", [first]);
      const third = sling(h, "third", [second]);
      h.settle();
      const told = h.town.why(third);
      expect(told.chain.map((link) => [link.title, link.waitingOn?.code])).toEqual([
        ["third", "blocked"],
        ["second", "blocked"],
        ["first", "held"],
      ]);
      expect(told.sentence).toContain("What decides is first: held");
      expect(commands(h, third)[0]).toContain(first.slice(-8).toLowerCase());
    }));

  it("lists every reason that holds, the first of them as the one that is told", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => ({
        type: "refused",
        reason: { code: "tools_missing", message: "no tools" },
      });
      const id = sling(h, "a");
      h.settle();
      h.town.pause("lunch", PERSON);
      h.town.setConfig({ budgets: { town_day: { tokens: 0 } } }, PERSON);
      h.settle();
      expect(holding(h, id)).toEqual(["paused", "budget", "cooldown"]);
      expect(h.town.why(id)).toMatchObject({
        waitingOn: { code: "paused" },
        next: { event: "a person resumes the town" },
        actions: [{ command: "gastown resume" }],
      });
      h.town.resume(PERSON);
      h.settle();
      expect(h.town.why(id).waitingOn).toMatchObject({ code: "budget", limit: "budgets.town_day" });
      h.town.setConfig({}, PERSON);
      h.settle();
      expect(h.town.why(id).next).toEqual({
        event: "it is tried again",
        at: new Date(h.now() + 30_000).toISOString(),
      });
    }));

  it("says who holds the slots and which limit keeps it", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      h.town.setConfig({ limits: { max_polecats_per_rig: 1 } }, PERSON);
      const first = sling(h, "first");
      const second = sling(h, "second");
      h.settle();
      expect(h.town.why(second)).toMatchObject({
        waitingOn: {
          code: "no_slot",
          position: 1,
          limit: "limits.max_polecats_per_rig",
          objects: [{ id: first, title: "first" }],
        },
      });
      expect(h.town.why(first)).toMatchObject({ state: "in_progress", why: [] });
      expect(h.town.why(first).sentence).toMatch(/^first is in progress: \w+ works on it since/);
    }));

  it("goes on through review, convoy, failure and the end", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.verdict = false;
      const id = sling(h, "a");
      h.settle();
      expect(h.town.why(id)).toMatchObject({ state: "in_review", waitingOn: { code: "verdict" } });
      const tasks = [{ title: "x" }, { title: "y", dependsOn: [0] }];
      const convoy = h.town.slingConvoy({ title: "c", rigId: h.rig, tasks, staged: true }, PERSON);
      h.settle();
      const member = h.bead("y").id;
      expect(h.town.why(member)).toMatchObject({ waitingOn: { code: "staged" } });
      expect(commands(h, member)[0]).toContain("gastown convoy start");
      expect(h.town.why(convoy.id)).toMatchObject({ waitingOn: { code: "staged" } });
      h.auto.done = false;
      h.town.startConvoy(convoy.id, PERSON);
      h.settle();
      expect(h.town.why(convoy.id)).toMatchObject({ waitingOn: { code: "members" } });
      h.town.failBead(h.bead("x").id, "no", PERSON);
      h.settle();
      expect(h.town.why(member).waitingOn).toMatchObject({ code: "blocked_by_failed" });
      expect(commands(h, member).join()).toMatch(/bead retry .*bead close .* --reason waived/);
      const [question] = h.town.escalations({ open: true });
      expect(h.town.why(question?.id ?? "").waitingOn).toMatchObject({ code: "question" });
      h.town.closeBead(h.bead("x").id, "waived", "", PERSON);
      expect(h.town.why(h.bead("x").id).sentence).toMatch(/x has failed|x is closed/);
    }));

  it("tells a session's end until when its work is saved", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      h.on.stop_session = () => "lost";
      const id = sling(h, "a");
      h.settle();
      const session = h.session(id);
      expect(h.town.session(session).waitingOn).toBeUndefined();
      h.town.stopSession(session, "now", "enough", PERSON);
      expect(h.town.session(session).waitingOn).toMatchObject({
        code: "settling",
        until: new Date(h.now() + 600_000).toISOString(),
      });
    }));
});
