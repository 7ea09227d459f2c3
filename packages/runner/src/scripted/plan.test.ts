import { describe, expect, it } from "vitest";
import type { PrimeContext } from "@gastown/protocol";
import { planTurn } from "./plan.ts";
import type { Plan, TurnInput } from "./plan.ts";
import { findScript, stepsOfRound, toSteps } from "./script.ts";
import { fill, mentionsRig } from "./template.ts";

const block = (value: unknown): string =>
  `Words.\n\n\`\`\`gastown-script\n${JSON.stringify(value)}\n\`\`\`\nMore words.`;
const kinds = ({ steps }: Plan): string[] => steps.map(({ kind }) => kind);

function prime(more: Partial<PrimeContext>): PrimeContext {
  const bead = {
    id: "bead_x7Q2M9K4T",
    title: "Add x",
    body: "",
    kind: "work" as const,
    priority: "medium" as const,
    attempt: 1,
  };
  return {
    town_id: "town_1",
    session_id: "sess_1",
    role: "polecat",
    agent: { id: "agent_1", name: "Toast" },
    rig: null,
    bead,
    source: null,
    branch: "b",
    target: "main",
    review: null,
    work_order: null,
    blockers: [],
    attempts: [],
    gates: [],
    triage: [],
    steps: [],
    mail: [],
    instructions: "",
    ...more,
  };
}

const bead = (body: string, more: Partial<NonNullable<PrimeContext["bead"]>> = {}): PrimeContext["bead"] => {
  const { bead: base } = prime({});
  return base === null ? null : { ...base, body, ...more };
};
const review = (round: number): PrimeContext["review"] => ({
  id: "m",
  branch: "b",
  target: "main",
  head_sha: "h",
  round,
  gates: [],
});
const source = (body: string): PrimeContext["source"] => ({ id: "bead_1", title: "Add x", body });

function plan(context: Partial<PrimeContext>, more: Partial<TurnInput> = {}): Plan {
  return planTurn({ prime: prime(context), turn: 1, text: "", parse: JSON.parse, playbook: null, ...more });
}

describe("a script", () => {
  it("is found in its fenced block, with any fence and indentation", () => {
    expect(findScript(block({ steps: ["lie"] }), JSON.parse)).toEqual({ steps: ["lie"] });
    expect(findScript('  ~~~~ gastown-script\n  ["lie"]\n  ~~~~', JSON.parse)).toEqual({ steps: ["lie"] });
    expect(findScript("```js\nx\n```", JSON.parse)).toBeNull();
    expect(findScript(null, JSON.parse)).toBeNull();
  });

  it("that cannot be read says so", () => {
    expect(() => findScript("```gastown-script\nsteps: [\n```", JSON.parse)).toThrow(/cannot be read/);
    expect(() => findScript(block(3), JSON.parse)).toThrow(/neither an object nor a list/);
    expect(() => toSteps([{ a: 1, b: 2 }])).toThrow(/a step is/);
  });

  it("has rounds, or one list for every round", () => {
    expect(stepsOfRound([["a"], ["b"]], 2)).toEqual([{ kind: "b", args: undefined }]);
    expect(stepsOfRound([["a"], ["b"]], 3)).toBeNull();
    expect(stepsOfRound(["a"], 7)).toEqual([{ kind: "a", args: undefined }]);
    expect(stepsOfRound(undefined, 1)).toBeNull();
  });
});

describe("a polecat", () => {
  it("follows its steps, or those of its attempt", () => {
    const body = block({ steps: ["one"], attempts: { "1": ["crash"], "2": ["two"] } });
    expect(kinds(plan({ bead: bead(body) }))).toEqual(["crash"]);
    expect(kinds(plan({ bead: bead(body, { attempt: 2 }) }))).toEqual(["two"]);
    expect(kinds(plan({ bead: bead(body, { attempt: 3 }) }))).toEqual(["one"]);
    expect(plan({ bead: bead(body) }).autoDone).toBe(true);
  });

  it("without a script does something small and honest", () => {
    expect(plan({}).steps).toEqual([
      { kind: "append", args: { path: "NOTES-7q2m9k4t.md", content: "- Add x\n" } },
      { kind: "commit", args: "Note: Add x" },
    ]);
  });

  it("takes fix steps from its own bead, else from the source's script, by round", () => {
    const own = block({ rework: ["mine"] });
    const origin = block({ rework: [["first"], ["second"]], conflict: ["by hand"] });
    const fix = (kind: "rework" | "conflict", body: string, round: number) =>
      kinds(plan({ bead: bead(body, { kind }), source: source(origin), review: review(round) }));
    expect(fix("rework", own, 2)).toEqual(["mine"]);
    expect(fix("rework", "", 1)).toEqual(["first"]);
    expect(fix("rework", "", 2)).toEqual(["second"]);
    expect(fix("rework", "", 3)).toEqual(["append", "commit"]);
    expect(fix("conflict", "", 1)).toEqual(["by hand"]);
    expect(kinds(plan({ bead: bead("", { kind: "conflict" }) }))).toEqual(["merge_target"]);
  });

  it("in a later turn follows what it is sent, else its later section, else nothing", () => {
    const body = block({ steps: ["lie"], later: ["done"] });
    expect(kinds(plan({ bead: bead(body) }, { turn: 2 }))).toEqual(["done"]);
    expect(kinds(plan({ bead: bead(body) }, { turn: 2, text: block(["say"]) }))).toEqual(["say"]);
    expect(plan({ bead: bead(block({ steps: ["lie"] })) }, { turn: 2 })).toMatchObject({
      steps: [],
      autoDone: false,
    });
  });
});

describe("a refinery", () => {
  it("takes the steps of its round, and approves by default", () => {
    const body = block({ review: [[{ request_changes: "no" }], ["approve"]] });
    const of = (round: number) =>
      kinds(plan({ role: "refinery", bead: null, source: source(body), review: review(round) }));
    expect([of(1), of(2), of(3)]).toEqual([["request_changes"], ["approve"], ["approve"]]);
    expect(plan({ role: "refinery", bead: null }).autoDone).toBe(false);
  });
});

describe("a mayor", () => {
  it("takes the script of the message, else the playbook, else says what it cannot do", () => {
    const playbook = { mayor: { steps: ["play"] } };
    expect(kinds(plan({ role: "mayor" }, { text: block(["told"]), playbook }))).toEqual(["told"]);
    expect(kinds(plan({ role: "mayor" }, { text: "Please", playbook }))).toEqual(["play"]);
    expect(plan({ role: "mayor" }, { text: "Please" })).toMatchObject({
      steps: [],
      intro: expect.stringContaining("cannot"),
    });
  });
});

describe("templates", () => {
  const values = { message: "Add x", rig: "rig_1", last: { made: [{ id: "c1", n: 3 }], plain: "p" } };

  it("fill strings anywhere, and keep the type of a place that stands alone", () => {
    const value = {
      a: "{{message}}!",
      b: ["{{ rig }}"],
      c: "{{last.made.0.n}}",
      d: "{{last.made}}",
      e: "n={{last.made.0.n}}",
      f: 1,
    };
    expect(fill(value, values)).toEqual({
      a: "Add x!",
      b: ["rig_1"],
      c: 3,
      d: values.last.made,
      e: "n=3",
      f: 1,
    });
  });

  it("leave other braces alone, and what is not there is empty", () => {
    expect(fill("{{other}} {{last.nothing.at.all}}.", values)).toBe("{{other}} .");
    expect(fill("{{last.constructor}}", values)).toBeUndefined();
    expect(mentionsRig({ a: ["x {{rig}}"] })).toBe(true);
    expect(mentionsRig(undefined)).toBe(false);
  });
});
