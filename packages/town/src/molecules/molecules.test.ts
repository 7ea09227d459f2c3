/** Molecules and formulas (spec/town.md §6). */
import { withSql } from "#host";
import { describe, expect, it } from "vitest";
import { harness, outcome, PERSON, type Harness } from "../scenarios/harness.ts";

const steps = [{ title: "look", instructions: "read it" }, { title: "change" }];

function working(h: Harness): { bead: string; session: string } {
  h.auto.done = false;
  const bead = h.town.sling(h.rig, { title: "x", steps }, { held: false }, PERSON).id;
  h.settle();
  return { bead, session: h.session(bead) };
}

function codeOf(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return "nothing thrown";
}

describe("steps", () => {
  it("stand in the prompt, are done in order, and hold gt_done back until then", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      expect(h.town.prime(session).steps).toEqual([
        { title: "look", instructions: "read it", done: false },
        { title: "change", instructions: "", done: false },
      ]);
      expect(codeOf(() => h.town.requestDone(session, { summary: "did it" }))).toBe("steps_open");
      expect(h.town.advanceStep(session, "I looked", PERSON).current).toBe(1);
      expect(h.town.advanceStep(session, "I changed", PERSON).current).toBeNull();
      expect(codeOf(() => h.town.advanceStep(session, "again", PERSON))).toBe("not_found");
      expect(h.town.requestDone(session, { summary: "did it" })).toMatchObject({ type: "settling" });
      h.settle();
      expect(h.town.bead(bead)).toMatchObject({ status: "closed", molecule: { current: null } });
      expect(h.town.feed({ limit: 9, kind: "bead.step_done" })).toHaveLength(2);
    }));

  it("may stay open where the agent says why, and that is recorded", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      h.town.requestDone(session, { summary: "did it", steps_reason: "there is nothing to look at" });
      h.settle();
      expect(h.town.bead(bead).status).toBe("closed");
      expect(h.town.feed({ limit: 9, kind: "session.settling" })[0]?.data).toMatchObject({
        stepsReason: "there is nothing to look at",
      });
    }));

  it("that were done stay done for the next attempt", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      h.town.advanceStep(session, "I looked", PERSON);
      h.town.stopSession(session, "now", "", PERSON);
      h.settle();
      expect(h.town.prime(h.session(bead)).steps.map(({ done }) => done)).toEqual([true, false]);
    }));

  it("can be given and replaced while the bead is not finished", () =>
    withSql((sql) => {
      const h = harness(sql);
      const { bead, session } = working(h);
      h.town.putMolecule(bead, { steps: [{ title: "only one" }] }, PERSON);
      expect(h.town.currentStep(session).steps).toHaveLength(1);
      h.town.advanceMolecule(bead, "a person did it", PERSON);
      h.town.requestDone(session, { summary: "did it" });
      h.settle();
      expect(codeOf(() => h.town.putMolecule(bead, { steps }, PERSON))).toBe("invalid_transition");
    }));
});

describe("formulas", () => {
  const release = {
    name: "release",
    vars: { version: {}, channel: { default: "stable" } },
    steps: [{ title: "tag {{version}}", instructions: "on {{ channel }}, not {{other}}" }],
  };

  /** The rig's next set-up finds these. */
  function verified(h: Harness, formulas: object[], problems: object[] = []): void {
    h.on.setup_rig = () =>
      outcome({
        outcome: "rig_ready",
        default_branch: "main",
        head_sha: h.sha(),
        formulas: formulas as never,
        formula_problems: problems as never,
      });
    h.town.verifyRig(h.rig, PERSON);
    h.settle();
  }

  it("become steps with their variables, defaults filled in", () =>
    withSql((sql) => {
      const h = harness(sql);
      verified(h, [release]);
      h.auto.done = false;
      const { id } = h.town.sling(
        h.rig,
        { title: "x", formula: "release", vars: { version: "1.2" } },
        { held: true },
        PERSON,
      );
      expect(h.town.bead(id).molecule?.steps).toMatchObject([
        { title: "tag 1.2", instructions: "on stable, not {{other}}", state: "open" },
      ]);
    }));

  it("say what is wrong: unknown, a missing or strange variable, a file that cannot be used", () =>
    withSql((sql) => {
      const h = harness(sql);
      verified(h, [release], [{ file: "broken.toml", message: "It is not TOML" }]);
      const sling = (formula: string, vars: Record<string, string> = {}) =>
        h.town.sling(h.rig, { title: "x", formula, vars }, { held: true }, PERSON);
      expect(() => sling("nope")).toThrow(/It has: release/);
      expect(() => sling("release")).toThrow(/needs a value for version/);
      expect(() => sling("release", { version: "1", moon: "full" })).toThrow(/no variable moon/);
      expect(() => sling("broken")).toThrow(/not TOML/);
      expect(h.town.beads({}, {}).items).toEqual([]);
    }));

  it("that are gone from the repository are gone", () =>
    withSql((sql) => {
      const h = harness(sql);
      verified(h, [release]);
      expect(h.town.formulas(h.rig).items).toHaveLength(1);
      verified(h, []);
      expect(h.town.formulas(h.rig).items).toEqual([]);
    }));
});
