/** What is forgotten, and when (spec/town.md §1, §5). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./scenarios/harness.ts";

const DAY = 24 * 3_600_000;

/** Some work, so that a tick has something else to do. */
function work(h: Harness, title: string): string {
  const bead = h.town.sling(h.rig, { title }, { held: false }, PERSON).id;
  h.settle();
  return bead;
}

describe("housekeeping", () => {
  it("keeps a transcript for as long as the town says, and the session itself for ever", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const bead = work(h, "a");
      const session = h.session(bead);
      h.town.appendTranscript(h.town.runnerEpoch(), {
        batches: [
          {
            session_id: session,
            epoch: h.town.session(session).epoch,
            items: [{ seq: 1, at: h.now(), type: "update", data: {} }],
          },
        ],
      });
      h.auto.done = true;
      h.settle();
      const items = (): number => h.town.transcript(session, 0, 10).length;
      h.setClock(h.now() + 29 * DAY);
      work(h, "b");
      expect(items()).toBe(1);
      h.town.setConfig({ retention: { transcript_days: 7 } }, PERSON);
      work(h, "c");
      expect(items(), "also after the time was made shorter").toBe(0);
      expect(h.town.session(session).outcome).toBe("submitted");
    }));

  it("forgets an agent that had no work for a day, but none with mail or at work", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const names = ["a", "b", "c"].map((title) => {
        const session = h.town.session(h.session(work(h, title)));
        return { id: session.id, name: session.agentName };
      });
      const [idle, reader, busy] = names.map(({ name }) => name);
      for (const { id } of names.slice(0, 2)) h.town.requestDone(id, { summary: "did it" });
      h.settle();
      h.town.sendMail({ to: reader ?? "", subject: "for later", body: "x" }, PERSON);
      const there = (): string[] => h.town.agents().map(({ name }) => name);
      h.advance(DAY - 60_000);
      expect(there()).toContain(idle);
      h.advance(2 * 3_600_000);
      expect(there()).not.toContain(idle);
      expect(there()).toEqual(expect.arrayContaining([reader, busy]));
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("forgets delivered nudges and read mail, never what still waits", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const session = h.session(work(h, "a"));
      const name = h.town.session(session).agentName;
      h.town.nudgeAgent(name, { message: "hurry", mode: "now" }, PERSON);
      h.town.sendMail({ to: name, subject: "read", body: "x" }, PERSON);
      h.settle();
      h.town.checkMail(session);
      h.town.toolCalled(session, "gt_status", null);
      h.auto.done = true;
      h.settle();
      h.town.sendMail({ to: name, subject: "unread", body: "x" }, PERSON);
      h.town.pause("", PERSON);
      h.setClock(h.now() + 100 * DAY);
      h.town.verifyRig(h.rig, PERSON);
      h.settle();
      expect(sql.all("select id from nudges")).toEqual([]);
      expect(h.town.mail({}).map(({ subject }) => subject)).toEqual(["unread"]);
    }));
});
