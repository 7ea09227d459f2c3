/** Lists and counts of beads (spec/api.md §3.6, §5.2). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import type { Bead } from "@gastown/protocol";
import { harness, PERSON, type Harness } from "../scenarios/harness.ts";

/** More than any page. */
const MANY = 210;

function heldBeads(h: Harness): void {
  for (let i = 0; i < MANY; i += 1) h.town.sling(h.rig, { title: `held ${i}` }, { held: true }, PERSON);
}

const titles = (h: Harness, filter: Parameters<Harness["town"]["beads"]>[0]): string[] =>
  h.town.beads({ type: ["issue"], ...filter }, { limit: 200 }).items.map(({ title }) => title);

describe("a list of beads", () => {
  it("has what is not closed, the newest first, in pages without a gap or a double", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.town.sling(h.rig, { title: "merged" }, { held: false }, PERSON);
      h.settle();
      heldBeads(h);
      const seen: string[] = [];
      for (let cursor: string | undefined, more = true; more;) {
        const page = h.town.beads({}, { limit: 50, ...(cursor === undefined ? {} : { cursor }) });
        seen.push(...page.items.map(({ title }) => title));
        cursor = page.nextCursor ?? undefined;
        more = cursor !== undefined;
      }
      expect(seen).toHaveLength(MANY);
      expect(new Set(seen).size).toBe(MANY);
      expect(seen).not.toContain("merged");
      expect(() => h.town.beads({}, { cursor: "5" })).toThrow(/cursor/);
    }));

  it("says of each that waits for an agent which place it has, in the order in which they get one", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      h.town.setRigConfig(h.rig, { limits: { max_polecats_per_rig: 1 } }, PERSON);
      for (const [i, priority] of (["low", "high", "medium", "high", "critical", "low"] as const).entries()) {
        h.town.sling(h.rig, { title: `${priority} ${i}`, priority }, { held: false }, PERSON);
        h.settle();
      }
      const place = ({ waitingOn }: Bead): number => waitingOn?.position ?? 0;
      const queue = (): string[] =>
        h.town
          .beads({ status: ["open"] }, {})
          .items.toSorted((a, b) => place(a) - place(b))
          .map((bead) => `${place(bead)} ${bead.title}`);
      expect(queue()).toEqual(["1 critical 4", "2 high 1", "3 high 3", "4 medium 2", "5 low 5"]);
      // A page without some of them, and one bead by itself, know of the others.
      const few = h.town.beads({ status: ["open"], priority: ["low", "high"] }, {}).items;
      expect(few.map(place).toSorted((a, b) => a - b)).toEqual([2, 3, 5]);
      for (const { id, waitingOn } of few) expect(h.town.bead(id).waitingOn).toEqual(waitingOn);
      const started: string[] = [];
      for (let next = queue(); next.length > 0; next = queue()) {
        started.push(next[0] ?? "");
        const [live] = h.town.sessions({ live: true });
        h.town.closeBead(live?.beadId ?? "", "cancelled", "", PERSON);
        h.advance(1_000);
      }
      expect(started).toEqual(["1 critical 4", "1 high 1", "1 high 3", "1 medium 2", "1 low 5"]);
    }));

  it("follows every filter, also together", () =>
    withSql((sql) => {
      const h = harness(sql);
      const done = h.town.sling(h.rig, { title: "merged" }, { held: false }, PERSON);
      const tasks = [{ title: "one" }, { title: "two", dependsOn: [0] }];
      const convoy = h.town.slingConvoy({ title: "both", rigId: h.rig, tasks, staged: true }, PERSON);
      h.settle();
      h.town.sling(h.rig, { title: "a held one" }, { held: true }, PERSON);
      expect(titles(h, { status: ["closed"] })).toEqual(["merged"]);
      expect(titles(h, { status: ["closed", "open"], q: "one" })).toEqual(["a held one", "one"]);
      expect(titles(h, { convoyId: convoy.id }).toSorted()).toEqual(["one", "two"]);
      expect(titles(h, { held: true })).toEqual(["a held one"]);
      expect(titles(h, { held: false, rigId: h.rig }).toSorted()).toEqual(["one", "two"]);
      expect(titles(h, { status: ["closed"], idEnding: done.id.slice(-8) })).toEqual(["merged"]);
      expect(titles(h, { rigId: "rig_00000000000000000000000000" })).toEqual([]);
    }));
});

describe("the town's status", () => {
  it("counts all that is held or blocked", () =>
    withSql((sql) => {
      const h = harness(sql);
      heldBeads(h);
      const tasks = [{ title: "one" }, { title: "two", dependsOn: [0] }];
      h.auto.done = false;
      h.town.slingConvoy({ title: "both", rigId: h.rig, tasks, staged: false }, PERSON);
      h.settle();
      expect(h.town.status().beads).toMatchObject({ open: MANY + 1, inProgress: 1, held: MANY, blocked: 1 });
    }));
});
