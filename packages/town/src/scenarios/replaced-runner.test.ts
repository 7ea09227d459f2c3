/** A session lives on when its runner is replaced; the turn that it was in does not. */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import type { ClaimedEffect } from "../town.ts";
import { harness, PERSON } from "./harness.ts";

describe("a mayor whose runner is replaced", () => {
  it("is given the message of the turn that was cut off once more", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.messageMayor({ message: "hello" }, PERSON);
      h.settle();
      const given = () =>
        h.carriedOut.flatMap((request) => (request.kind === "message_session" ? [request.interrupted] : []));
      expect(given()).toHaveLength(1);
      h.town.registerRunner("run_00000000000000000000000002");
      h.settle();
      expect(given()).toHaveLength(2);
      expect(given()).toEqual([null, { tools: [] }]);
    }));

  // The race: the message is out to the old runner when the new one registers, and the old one's answer
  // comes last. Taken for an answer, nobody would ever work on it.
  it("is given a message again that was on its way to the old one", () =>
    withSql((sql) => {
      const h = harness(sql);
      const tries: ClaimedEffect[] = [];
      h.on.message_session = (_request, effect) => (tries.push(effect), "lost");
      h.town.messageMayor({ message: "hello" }, PERSON);
      h.settle();
      const [first] = tries;
      if (!first) throw new Error("the message was not sent");
      h.town.registerRunner("run_00000000000000000000000002");
      h.town.post({
        type: "effect_answered",
        effectId: first.id,
        attempt: first.attempt,
        answer: { type: "done" },
      });
      h.settle();
      expect(tries.map(({ attempt }) => attempt)).toEqual([1, 2]);
    }));
});

describe("a session that ends when its runner is gone", () => {
  // What ended wants no runner, so none is started for it, and nobody would ever answer.
  it("is not asked to stop for ever", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.stop_session = () => ({ type: "retry", message: "The town has no runner now.", counted: false });
      h.town.sling(h.rig, { title: "Add x" }, { held: false }, PERSON);
      h.settle();
      h.auto.heartbeat = false;
      h.advance(11 * 60_000);
      expect(h.statuses()).toEqual({ "Add x": "closed:merged" });
      expect(h.town.nextWakeAt()).toBeNull();
    }));
});
