/** Formulas of a repository, read from a commit (spec/town.md §6). */
import { afterEach, expect, test } from "vitest";
import { parseFormula } from "./formulas.ts";
import { makeFixture, NEVER } from "./testing/fixture.ts";
import type { Fixture } from "./testing/fixture.ts";

let f: Fixture | undefined;
afterEach(() => f?.remove());

const good = `
description = "Make a release"
[vars.version]
description = "What is released"
[[steps]]
title = "Tag {{version}}"
[[steps]]
title = "Tell"
instructions = """
Write to everybody.
"""
`;

test("a formula is its file's name, its variables and its steps", () => {
  expect(parseFormula("release.toml", good)).toEqual({
    name: "release",
    description: "Make a release",
    vars: { version: { description: "What is released" } },
    steps: [{ title: "Tag {{version}}" }, { title: "Tell", instructions: "Write to everybody.\n" }],
  });
});

test("a file that cannot be used says why", () => {
  expect(parseFormula("Bad Name.toml", good)).toMatch(/name/);
  expect(parseFormula("a.toml", "steps = [")).toMatch(/not TOML/);
  expect(parseFormula("a.toml", "steps = []")).toMatch(/^steps: /);
  expect(parseFormula("a.toml", `${good}\nmoon = 1`)).toMatch(/moon|key/);
  expect(parseFormula("a.toml", `description = "${"x".repeat(70_000)}"`)).toMatch(/longer/);
});

test("setup reads those of the default branch, and tells of the others", async () => {
  f = makeFixture({});
  f.personPushes("main", {
    ".gastown/formulas/release.toml": good,
    ".gastown/formulas/broken.toml": "steps = [",
    ".gastown/formulas/notes.md": "no formula",
    "other.toml": good,
  });
  const ready = await f.workspace.setupRig(f.rig, NEVER);
  expect(ready).toMatchObject({ outcome: "rig_ready", formulas: [{ name: "release" }] });
  expect(ready).toMatchObject({ formula_problems: [{ file: "broken.toml" }] });
});
