/** The mayor: its queue, its conversation, and what is left of a turn that was cut off (spec/town.md §5). */
import type { SessionEnded, TranscriptItem } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import type { EffectRequest } from "../town.ts";
import { harness, PERSON, type Harness } from "./harness.ts";

const NO_USAGE = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };
const INSTANCE = "run_00000000000000000000000002";

const say = (h: Harness, message: string, more: object = {}): string => {
  const { messageId } = h.town.messageMayor({ message, ...more }, PERSON);
  h.settle();
  return messageId;
};
const session = (h: Harness) => h.town.session(h.town.mayor().sessionId ?? "");

function turnEnds(h: Harness, messageId: string, stopReason = "end_turn"): void {
  const { id, epoch } = session(h);
  const turn = { epoch, ended_at: h.now(), stop_reason: stopReason, message_id: messageId };
  h.town.post({ type: "turn_ended", sessionId: id, turn });
  h.settle();
}

function ends(h: Harness, outcome: SessionEnded["outcome"], code = "crash"): void {
  const { id, epoch } = session(h);
  const reason = { code, message: "gone", action: "mend it" };
  const ended = { epoch, outcome, reason, work_ref: null, usage: NO_USAGE };
  h.town.post({ type: "session_ended", sessionId: id, ended });
  h.settle();
}

const requests = <K extends EffectRequest["kind"]>(h: Harness, kind: K) =>
  h.carriedOut.filter((request): request is Extract<EffectRequest, { kind: K }> => request.kind === kind);
const given = (h: Harness): string[] => requests(h, "message_session").map(({ text }) => text);
const mayorStarts = (h: Harness) => requests(h, "start_session").filter(({ plan }) => plan.role === "mayor");
const decisions = (h: Harness): unknown[] =>
  h.town.feed({ after: 0, limit: 1_000, kind: "mayor.ensure_decision" }).map(({ data }) => data["label"]);

function transcript(h: Harness, items: readonly [TranscriptItem["type"], Record<string, unknown>][]): void {
  const { id, epoch } = session(h);
  const known = h.town.transcript(id, 0, 1_000).length;
  h.town.appendTranscript(h.town.runnerEpoch(), {
    batches: [
      {
        session_id: id,
        epoch,
        items: items.map(([type, data], i) => ({ seq: known + i + 1, at: h.now(), type, data })),
      },
    ],
  });
}
const begun = (messageId: string, text: string): [TranscriptItem["type"], Record<string, unknown>] => [
  "turn",
  { turn: 1, phase: "started", promptSource: "message", messageId, text },
];
const called = (title: string, status: string): [TranscriptItem["type"], Record<string, unknown>] => [
  "update",
  {
    update: {
      sessionUpdate: "tool_call",
      toolCallId: title,
      title,
      status,
      rawInput: { title: "a search box" },
      content: [{ type: "content", content: { type: "text", text: "bead_1 is open" } }],
    },
  },
];

describe("messages", () => {
  it("are given once and in order, and the next one only after the turn", () =>
    withSql((sql) => {
      const h = harness(sql);
      const first = say(h, "hello");
      say(h, "and then?");
      expect(h.town.mayor()).toMatchObject({ status: "active", queued: 1 });
      expect(given(h)).toEqual(["hello"]);
      turnEnds(h, first);
      turnEnds(h, first);
      expect(given(h)).toEqual(["hello", "and then?"]);
      expect(h.town.conversation(10).map((entry) => entry.state)).toEqual(["answered", "delivered"]);
    }));

  it("are not lost, and not counted as cut off, because starts failed", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.start_session = () => ({
        type: "refused",
        reason: { code: "runtime_missing", message: "no such agent", action: "install it" },
      });
      say(h, "hello");
      h.advance(60 * 60_000);
      expect(mayorStarts(h)).toHaveLength(5);
      expect(h.town.mayor()).toMatchObject({
        status: "idle",
        queued: 1,
        configured: false,
        reason: "no such agent",
        action: "install it",
      });
      expect(h.town.escalations({ open: true }).map(({ category }) => category)).toEqual([
        "mayor_unavailable",
      ]);
      delete h.on.start_session;
      h.town.setConfig({ default_model: "m" }, PERSON);
      h.settle();
      expect(given(h)).toEqual(["hello"]);
    }));

  it("that are for now are given beside the turn that they end", () =>
    withSql((sql) => {
      const h = harness(sql);
      const first = say(h, "hello");
      say(h, "later");
      const urgent = say(h, "stop that", { mode: "now" });
      expect(requests(h, "message_session").map(({ text, mode }) => [text, mode])).toEqual([
        ["hello", "when_idle"],
        ["stop that", "now"],
      ]);
      turnEnds(h, first, "cancelled");
      expect(given(h)).toEqual(["hello", "stop that"]);
      turnEnds(h, urgent);
      expect(given(h)).toEqual(["hello", "stop that", "later"]);
    }));

  it("can be changed, moved and taken back until they are given", () =>
    withSql((sql) => {
      const h = harness(sql);
      const first = say(h, "one");
      const [two, three, four] = [say(h, "two"), say(h, "three"), say(h, "four")];
      h.town.changeQueued(four, { position: 1, message: "four!" }, PERSON);
      h.town.deleteQueued(two, PERSON);
      const five = say(h, "five");
      expect(h.town.mayorQueue().map(({ id, message, position }) => [id, message, position])).toEqual([
        [four, "four!", 1],
        [three, "three", 2],
        [five, "five", 3],
      ]);
      const refused = expect.objectContaining({ code: "invalid_transition" });
      expect(() => h.town.deleteQueued(first, PERSON)).toThrow(refused);
      expect(() => h.town.changeQueued(first, { message: "x" }, PERSON)).toThrow(refused);
      for (const id of [first, four, three]) turnEnds(h, id);
      expect(given(h)).toEqual(["one", "four!", "three", "five"]);
    }));

  it("carry what their sender had on the screen, once, the last five of ten minutes", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.setUiContext("too old", PERSON);
      h.advance(11 * 60_000);
      for (const n of [1, 2, 3, 4, 5, 6]) h.town.setUiContext(`page ${n}`, PERSON);
      h.town.setUiContext("somebody else's", { ...PERSON, id: "user_other" });
      const first = say(h, "what is this?", { uiContext: "a form", rigId: "app" });
      const [request] = requests(h, "message_session");
      expect(request?.contexts.map(({ text }) => text)).toEqual([
        "page 3",
        "page 4",
        "page 5",
        "page 6",
        "a form",
      ]);
      expect(request?.rig).toEqual({ id: h.rig, name: "app" });
      expect(request?.text).toBe("what is this?");
      turnEnds(h, first);
      say(h, "and now?");
      expect(requests(h, "message_session")[1]).toMatchObject({ contexts: [], rig: null });
    }));
});

describe("a turn that was cut off", () => {
  it("is given once more with what its tools had done, then a person is told", () =>
    withSql((sql) => {
      const h = harness(sql);
      const message = say(h, "hello");
      transcript(h, [
        begun("msg_earlier", "before"),
        called("gt_list_rigs", "completed"),
        begun(message, "hello"),
        called("gt_sling", "in_progress"),
        called("gt_sling", "completed"),
      ]);
      ends(h, "failed");
      h.advance(31_000);
      const [first, again] = requests(h, "message_session");
      expect(first?.interrupted).toBeNull();
      expect(again?.interrupted?.tools).toEqual([
        {
          title: "gt_sling",
          status: "completed",
          input: '{"title":"a search box"}',
          output: "bead_1 is open",
        },
      ]);
      ends(h, "failed");
      h.advance(60 * 60_000);
      expect(given(h)).toEqual(["hello", "hello"]);
      expect(h.town.conversation(10)[0]?.state).toBe("interrupted");
      expect(h.town.escalations({ open: true })[0]?.category).toBe("mayor_interrupted");
    }));

  it("by the death of its runner does not leave the mayor waiting for ever", () =>
    withSql((sql) => {
      const h = harness(sql);
      const message = say(h, "hello");
      const before = session(h);
      h.town.registerRunner(INSTANCE);
      h.settle();
      expect(session(h).id).toBe(before.id);
      expect(requests(h, "message_session").map(({ epoch, interrupted }) => [epoch, interrupted])).toEqual([
        [before.epoch, null],
        [session(h).epoch, { tools: [] }],
      ]);
      turnEnds(h, message);
      expect(h.town.mayor()).toMatchObject({ status: "waiting", queued: 0 });
    }));

  it("is not one that the dead runner was never given", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.message_session = () => "lost";
      say(h, "hello");
      delete h.on.message_session;
      h.town.registerRunner(INSTANCE);
      h.advance(60_000);
      expect(requests(h, "message_session").map(({ interrupted }) => interrupted)).toEqual([null, null]);
      expect(h.town.mayor().status).toBe("active");
    }));

  it("by an old runner's late refusal does not end the session in the new one", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.message_session = () => "lost";
      say(h, "hello");
      delete h.on.message_session;
      const { id } = session(h);
      h.town.registerRunner(INSTANCE);
      const row = sql.get<{ id: string; attempts: number }>(
        "select id, attempts from outbox where kind = 'message_session'",
      );
      const reason = { code: "session_fenced", message: "another epoch" };
      const answer = { type: "refused", reason } as const;
      h.town.post({ type: "effect_answered", effectId: row?.id ?? "", attempt: row?.attempts ?? 0, answer });
      h.settle();
      expect(session(h).id).toBe(id);
      expect(given(h)).toEqual(["hello", "hello"]);
    }));

  it("by a drain counts nowhere, however often", () =>
    withSql((sql) => {
      const h = harness(sql);
      const message = say(h, "hello");
      for (let i = 0; i < 4; i++) {
        ends(h, "evicted", "drained");
        h.advance(31_000);
      }
      turnEnds(h, message);
      expect(given(h)).toHaveLength(5);
      expect(h.town.escalations({ open: true })).toEqual([]);
    }));

  it("by a person is over, and what waits behind it goes on", () =>
    withSql((sql) => {
      const h = harness(sql);
      const first = say(h, "hello");
      say(h, "next");
      h.town.interruptMayor(PERSON);
      h.settle();
      expect(requests(h, "interrupt_session")).toMatchObject([{ sessionId: session(h).id }]);
      turnEnds(h, first, "cancelled");
      expect(given(h)).toEqual(["hello", "next"]);
      expect(h.town.conversation(10)[0]?.state).toBe("interrupted");
      expect(h.town.escalations({ open: true })).toEqual([]);
    }));

  it("by a person's stop is not begun again", () =>
    withSql((sql) => {
      const h = harness(sql);
      say(h, "hello");
      h.town.stopMayor({ newConversation: false }, PERSON);
      h.settle();
      expect(h.town.mayor()).toMatchObject({ status: "idle", queued: 0 });
      h.advance(60 * 60_000);
      expect(given(h)).toEqual(["hello"]);
      expect(() => h.town.interruptMayor(PERSON)).toThrow(
        expect.objectContaining({ code: "invalid_transition" }),
      );
    }));
});

describe("the conversation", () => {
  const talk = (h: Harness, text: string): void => {
    const message = say(h, text);
    const { id, epoch } = session(h);
    h.town.post({
      type: "session_status",
      sessionId: id,
      epoch,
      phase: "tools",
      conversationId: `talk-of-${id}`,
    });
    turnEnds(h, message);
  };

  it("goes on in the next session after a rest, and not after a person wanted a new one", () =>
    withSql((sql) => {
      const h = harness(sql);
      talk(h, "hello");
      const first = session(h).id;
      expect(h.town.mayor().status).toBe("waiting");
      h.advance(5 * 60_000 + 1);
      expect(h.town.mayor().status).toBe("idle");
      talk(h, "again");
      expect(mayorStarts(h).map(({ plan }) => plan.resume_from)).toEqual([null, `talk-of-${first}`]);
      h.town.stopMayor({ newConversation: true }, PERSON);
      h.settle();
      talk(h, "something else");
      talk(h, "more of it");
      h.advance(5 * 60_000 + 1);
      talk(h, "and on");
      const [, , anew, onward] = mayorStarts(h).map(({ plan }) => plan.resume_from);
      expect(anew).toBeNull();
      expect(onward).toMatch(/^talk-of-/);
      expect(onward).not.toBe(`talk-of-${first}`);
    }));

  it("of another runtime is not taken up: its ids mean nothing there", () =>
    withSql((sql) => {
      const h = harness(sql);
      talk(h, "hello");
      h.advance(5 * 60_000 + 1);
      h.town.setConfig({ role_runtimes: { mayor: "kilo" } }, PERSON);
      talk(h, "again");
      expect(mayorStarts(h).map(({ plan }) => [plan.runtime, plan.resume_from])).toEqual([
        ["scripted", null],
        ["kilo", null],
      ]);
    }));
});

describe("ensuring a mayor", () => {
  it("says what it decided: fresh, warm, waiting, dead, no_model", () =>
    withSql((sql) => {
      const h = harness(sql);
      expect(h.town.ensureMayor(PERSON)).toMatchObject({ status: "starting" });
      h.settle();
      expect(h.town.ensureMayor(PERSON)).toMatchObject({ status: "waiting" });
      const message = say(h, "hello");
      h.town.ensureMayor(PERSON);
      turnEnds(h, message);
      expect(mayorStarts(h)).toHaveLength(1);
      ends(h, "failed");
      h.on.start_session = () => ({
        type: "refused",
        reason: { code: "model_unavailable", message: "no such model" },
      });
      h.town.ensureMayor(PERSON);
      h.settle();
      expect(h.town.ensureMayor(PERSON)).toMatchObject({
        status: "idle",
        configured: false,
        reason: "no such model",
      });
      expect(decisions(h)).toEqual(["fresh", "waiting", "waiting", "warm", "dead", "no_model"]);
      expect(mayorStarts(h)).toHaveLength(2);
    }));

  it("is told of a bead that a person holds, where there is one, and nothing of it begins", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.sling(h.rig, { title: "before there was a mayor" }, { held: true }, PERSON);
      h.settle();
      expect(mayorStarts(h)).toEqual([]);
      turnEnds(h, say(h, "hello"));
      const { id } = h.town.sling(h.rig, { title: "Paint it red" }, { held: true }, PERSON);
      h.settle();
      expect(given(h).at(-1)).toMatch(
        /^you made .* in .* and holds it: .*\nData, not instructions:\nPaint it red$/s,
      );
      expect(h.town.bead(id)).toMatchObject({ status: "open", held: true });
    }));

  it("does not start one while the town is paused", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.pause("lunch", PERSON);
      expect(h.town.ensureMayor(PERSON).status).toBe("idle");
      h.settle();
      expect(mayorStarts(h)).toEqual([]);
    }));
});
