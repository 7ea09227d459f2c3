/** Many beads at once: each by the rules of its own command; a dry run leaves nothing (spec/api.md §3.5). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import type { Sql } from "../kernel/sql.ts";
import { harness, PERSON, type Harness } from "../scenarios/harness.ts";
import type { BulkChange } from "./bulk.ts";

const change = (action: BulkChange["action"], more: Partial<BulkChange> = {}): BulkChange => ({
  action,
  note: "",
  labels: [],
  force: false,
  ...more,
});
const held = (h: Harness, title: string, labels: string[] = []): string =>
  h.town.sling(h.rig, { title, labels }, { held: true }, PERSON).id;
const counts = (
  h: Harness,
  by: "column" | "status" | "waitingOn" | "priority" | "label",
): Record<string, number> =>
  Object.fromEntries(h.town.beadCounts({}, by).items.map(({ key, count }) => [key, count]));

function withTown(test: (h: Harness, sql: Sql) => void): Promise<void> {
  return withSql((sql) => {
    const h = harness(sql);
    h.auto.done = false;
    test(h, sql);
  });
}

describe("a change of many beads", () => {
  it("does what each single command does, and says which refused and why", () =>
    withTown((h) => {
      const [one, two] = [held(h, "one"), held(h, "two")];
      h.town.closeBead(two, "cancelled", "", PERSON);
      const results = h.town.changeBeads([one, two, "bead_nowhere"], change("start"), false, PERSON);
      expect(results).toMatchObject([
        { beadId: one, ok: true },
        { beadId: two, ok: false, code: "invalid_transition", message: "two is closed already." },
        { beadId: "bead_nowhere", ok: false, code: "not_found" },
      ]);
      h.settle();
      expect(h.town.bead(one).status).toBe("in_progress");
    }));

  it.each([
    ["close", "closed"],
    ["fail", "failed"],
  ] as const)("%s ends each", (action, status) =>
    withTown((h) => {
      const ids = ["a", "b", "c"].map((title) => held(h, title));
      const results = h.town.changeBeads(ids, change(action, { note: "enough" }), false, PERSON);
      expect(results.every(({ ok }) => ok)).toBe(true);
      expect(ids.map((id) => h.town.bead(id).status)).toEqual(ids.map(() => status));
    }),
  );

  it("adds labels to those that are there, and not more than there may be", () =>
    withTown((h) => {
      const id = held(h, "one", ["ui"]);
      h.town.changeBeads([id], change("label", { labels: ["ui", "soon"] }), false, PERSON);
      expect(h.town.bead(id).labels).toEqual(["ui", "soon"]);
      const many = Array.from({ length: 20 }, (_, i) => `l${i}`);
      expect(h.town.changeBeads([id], change("label", { labels: many }), false, PERSON)).toMatchObject([
        { ok: false, code: "validation_failed" },
      ]);
      expect(h.town.bead(id).labels).toEqual(["ui", "soon"]);
    }));

  it("tried only, says the same and leaves the database as it was", () =>
    withTown((h, sql) => {
      const ids = [held(h, "one"), held(h, "two"), "bead_nowhere"];
      h.settle();
      const everything = (): unknown =>
        ["beads", "audit", "outbox", "schedule", "dependencies"].map((table) =>
          sql.all(`select * from ${table}`),
        );
      const before = everything();
      const tried = h.town.changeBeads(ids, change("delete"), true, PERSON);
      expect(everything()).toEqual(before);
      expect(h.town.changeBeads(ids, change("delete"), false, PERSON)).toEqual(tried);
      expect(h.town.beadsMeant({})).toEqual([]);
    }));

  it("does not delete what is at work unless it is forced to", () =>
    withTown((h) => {
      const id = h.town.sling(h.rig, { title: "one" }, { held: false }, PERSON).id;
      h.settle();
      expect(h.town.changeBeads([id], change("delete"), false, PERSON)).toMatchObject([
        { ok: false, code: "has_live_work" },
      ]);
      expect(h.town.changeBeads([id], change("delete", { force: true }), false, PERSON)).toMatchObject([
        { ok: true },
      ]);
      h.settle();
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("means by a filter what a list of it shows, and no convoys or questions", () =>
    withTown((h) => {
      const [one, two, three] = [held(h, "one", ["ui"]), held(h, "two"), held(h, "three", ["db"])];
      h.town.slingConvoy({ rigId: h.rig, title: "Plan", tasks: [{ title: "task" }], staged: true }, PERSON);
      h.town.closeBead(three, "cancelled", "", PERSON);
      expect(h.town.beadsMeant({ label: ["ui", "db"] })).toEqual([one]);
      expect(h.town.beadsMeant({ held: true }).toSorted()).toEqual([one, two].toSorted());
      expect(h.town.beadsMeant({ status: ["closed"] })).toEqual([three]);
      expect(h.town.beadsMeant({})).toHaveLength(3);
      expect(h.town.beadsMeant({ priority: ["critical"] })).toEqual([]);
    }));
});

describe("counts", () => {
  it("are those of the board's columns, closed ones of a day", () =>
    withTown((h) => {
      held(h, "held");
      const [work = "", done = ""] = ["work", "done"].map(
        (title) => h.town.sling(h.rig, { title }, { held: false }, PERSON).id,
      );
      h.settle();
      h.town.sling(h.rig, { title: "behind", dependsOn: [work] }, { held: false }, PERSON);
      h.town.closeBead(done, "cancelled", "", PERSON);
      const gone = held(h, "failed");
      h.town.failBead(gone, "no", PERSON);
      h.settle();
      expect(counts(h, "column")).toEqual({ held: 1, working: 1, blocked: 1, failed: 1, done_24h: 1 });
      expect(counts(h, "status")).toEqual({ open: 2, in_progress: 1, failed: 1 });
      expect(counts(h, "waitingOn")).toEqual({ held: 1, blocked: 1 });
      expect(counts(h, "priority")).toEqual({ medium: 4 });
      h.advance(24 * 3_600_000 + 1);
      expect(counts(h, "column")["done_24h"]).toBeUndefined();
    }));

  it("name what keeps a whole rig, each label, and since when the oldest is so", () =>
    withTown((h) => {
      const began = new Date(h.now()).toISOString();
      held(h, "one", ["ui", "db"]);
      h.town.pause("lunch", PERSON);
      h.advance(1_000);
      h.town.sling(h.rig, { title: "two", labels: ["ui"] }, { held: false }, PERSON);
      h.settle();
      expect(counts(h, "label")).toEqual({ ui: 2, db: 1 });
      expect(counts(h, "waitingOn")).toEqual({ held: 1, paused: 1 });
      expect(h.town.beadCounts({ label: ["ui"] }, "label").items[0]?.oldestSince).toBe(began);
    }));
});
