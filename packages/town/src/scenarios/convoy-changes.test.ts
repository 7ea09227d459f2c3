/** Changing a convoy: its plan before it begins, its members until it lands (spec/api.md §3.7). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, PERSON, type Harness } from "./harness.ts";

function convoy(h: Harness, more: { staged?: boolean; mode?: "review-then-land" | "review-and-merge" } = {}) {
  const made = h.town.slingConvoy(
    {
      rigId: h.rig,
      title: "Search",
      tasks: [{ title: "a" }, { title: "b", dependsOn: [0] }],
      staged: true,
      ...more,
    },
    PERSON,
  );
  h.settle();
  return made;
}
const branches = (h: Harness) =>
  h.carriedOut.flatMap((request) =>
    request.kind === "branch" && request.body.operation === "create" ? [request.body.branch] : [],
  );
const solo = (h: Harness, title: string, dependsOn: string[] = []) =>
  h.town.sling(h.rig, { title, dependsOn }, { held: true }, PERSON).id;

describe("a convoy's plan", () => {
  it("changes before anything of it has begun: its work then lands where it says", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { id } = convoy(h);
      h.town.updateConvoy(id, { title: "Find", featureBranch: "features/find" }, PERSON);
      expect(h.town.convoy(id)).toMatchObject({ title: "Find", state: "staged" });
      h.town.startConvoy(id, PERSON);
      h.settle();
      expect(branches(h)).toEqual(["features/find"]);
      expect(h.town.convoy(id).state).toBe("landed");
      expect(h.statuses()).toEqual({ a: "closed:merged", b: "closed:merged" });
      const targets = h.carriedOut.flatMap((one) => (one.kind === "merge" ? [one.body.target] : []));
      expect(targets).toEqual(["features/find", "features/find", "main"]);
    }));

  it("becomes one without a feature branch, and back", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { id } = convoy(h);
      h.town.updateConvoy(id, { mode: "review-and-merge" }, PERSON);
      expect(sql.all("select * from convoy_branches")).toEqual([]);
      h.town.updateConvoy(id, { mode: "review-then-land" }, PERSON);
      expect(sql.all("select branch, state from convoy_branches")).toMatchObject([{ state: "wanted" }]);
      h.town.updateConvoy(id, { mode: "review-and-merge" }, PERSON);
      h.town.startConvoy(id, PERSON);
      h.settle();
      expect(branches(h)).toEqual([]);
      expect(h.town.convoy(id).state).toBe("landed");
    }));

  it("is settled once work has begun by it, and when it is over", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const { id } = convoy(h, { staged: false });
      expect(() => h.town.updateConvoy(id, { mode: "review-and-merge" }, PERSON)).toThrow(
        /has begun already/,
      );
      h.town.updateConvoy(id, { title: "still" }, PERSON);
      h.town.closeConvoy(id, "", PERSON);
      h.settle();
      expect(() => h.town.updateConvoy(id, { title: "late" }, PERSON)).toThrow(/is closed/);
    }));

  it("takes no branch of somebody else", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { id } = convoy(h);
      const other = convoy(h);
      h.town.updateConvoy(id, { featureBranch: "mine" }, PERSON);
      for (const featureBranch of ["mine", "main"])
        expect(() => h.town.updateConvoy(other.id, { featureBranch }, PERSON)).toThrow(
          /used for something else/,
        );
    }));

  // The race: the branch of the old name is being made when it is renamed, and its answer comes after that.
  it("waits for the branch of its new name, whatever comes of the old one", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.on.branch = () => "lost";
      const { id } = convoy(h, { staged: false });
      expect(branches(h)).toHaveLength(1);
      h.town.updateConvoy(id, { featureBranch: "new" }, PERSON);
      delete h.on.branch;
      h.advance(30 * 60_000);
      expect(branches(h).at(-1)).toBe("new");
      expect(sql.all("select branch, state from convoy_branches")).toMatchObject([
        { branch: "new", state: "ready" },
      ]);
      expect(h.town.convoy(id).state).toBe("landed");
    }));
});

describe("a convoy's members", () => {
  it("may be joined by a bead that nobody has begun, and by a new task; it lands with them", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { id } = convoy(h);
      const lone = solo(h, "lone");
      h.town.addToConvoy(id, { beadId: lone, dependsOn: [h.bead("b").id] }, PERSON);
      h.town.addToConvoy(id, { task: { title: "new" }, dependsOn: [lone] }, PERSON);
      expect(h.town.convoy(id).waves.map((wave) => wave.length)).toEqual([1, 1, 1, 1]);
      h.town.startBead(lone, PERSON);
      h.town.startConvoy(id, PERSON);
      h.settle();
      expect(h.town.convoy(id)).toMatchObject({ state: "landed", progress: { total: 4, closed: 4 } });
    }));

  it("never wait for each other in a circle, however it would close", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { id } = convoy(h);
      const after = solo(h, "after", [id]);
      expect(() => h.town.addToConvoy(id, { beadId: after }, PERSON)).toThrow(/in a circle/);
      const before = solo(h, "before", [h.bead("a").id]);
      h.town.addToConvoy(id, { beadId: before }, PERSON);
      expect(() => h.town.addToConvoy(id, { beadId: before, dependsOn: [after] }, PERSON)).toThrow(
        /in a circle/,
      );
      expect(h.town.checkInvariants()).toEqual([]);
    }));

  it("are not taken from work that goes on, nor from another convoy", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const { id } = convoy(h);
      const other = convoy(h, { staged: false });
      const working = h.town.sling(h.rig, { title: "working" }, { held: false }, PERSON).id;
      h.settle();
      expect(() => h.town.addToConvoy(id, { beadId: working }, PERSON)).toThrow(/nobody has begun/);
      const [taken = ""] = other.nodes.filter(({ title }) => title === "b").map(({ beadId }) => beadId);
      expect(() => h.town.addToConvoy(id, { beadId: taken }, PERSON)).toThrow(/another convoy/);
      const [begun = ""] = other.nodes.filter(({ title }) => title === "a").map(({ beadId }) => beadId);
      expect(() => h.town.removeFromConvoy(other.id, begun, PERSON)).toThrow(/in progress/);
    }));

  it("go on alone when they are taken out, in the default branch and without the others", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const { id } = convoy(h, { staged: false });
      h.town.removeFromConvoy(id, h.bead("b").id, PERSON);
      h.auto.done = true;
      h.settle();
      expect(h.town.convoy(id)).toMatchObject({ state: "landed", progress: { total: 1 } });
      const b = h.town
        .merges({ state: "merged" })
        .find(({ sourceBeadId }) => sourceBeadId === h.bead("b").id);
      expect(b).toMatchObject({ target: "main", convoyId: null });
    }));

  it("that failed stop holding it when they are taken out; the last one cannot be", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { id } = convoy(h);
      const [a, b] = [h.bead("a").id, h.bead("b").id];
      h.town.failBead(b, "no", PERSON);
      h.town.startConvoy(id, PERSON);
      h.settle();
      expect(h.town.escalations({ open: true })).toMatchObject([{ category: "convoy_held" }]);
      h.town.removeFromConvoy(id, b, PERSON);
      h.settle();
      expect(h.town.convoy(id).state).toBe("landed");
      expect(h.town.escalations({ open: true })).toEqual([]);
      const other = convoy(h);
      const [first = "", second = ""] = other.nodes.map(({ beadId }) => beadId);
      h.town.removeFromConvoy(other.id, first, PERSON);
      expect(() => h.town.removeFromConvoy(other.id, second, PERSON)).toThrow(/last bead/);
      expect(a).not.toBe(first);
    }));

  it("may have steps, given or from a formula of their rig", () =>
    withSql((sql) => {
      const h = harness(sql);
      h.auto.done = false;
      const tasks = [{ title: "a", steps: [{ title: "test" }, { title: "code" }] }];
      const { nodes } = h.town.slingConvoy({ rigId: h.rig, title: "c", tasks, staged: false }, PERSON);
      h.settle();
      const bead = nodes[0]?.beadId ?? "";
      expect(h.town.bead(bead).molecule?.steps.map(({ title }) => title)).toEqual(["test", "code"]);
      expect(h.town.prime(h.session(bead)).steps).toMatchObject([{ title: "test" }, { title: "code" }]);
      const before = h.town.beads({}, { limit: 200 }).items.length;
      expect(() =>
        h.town.slingConvoy({ rigId: h.rig, title: "d", tasks: [{ title: "x", formula: "none" }] }, PERSON),
      ).toThrow(/formula/);
      expect(h.town.beads({}, { limit: 200 }).items).toHaveLength(before);
    }));
});
