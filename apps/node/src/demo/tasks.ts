/**
 * What the scripted agents do: five small changes with a test each. The script of a change is in
 * its bead's body (packages/runner/src/scripted/README.md); the mayor's is its playbook.
 *
 *              ┌─▶ shout ─────┐
 *   names ─────┼─▶ farewell ──┼─▶ command line
 *              └─▶ count ─────┘
 *
 * The farewell forgets the empty name: its review asks for changes, and it is reworked.
 */

interface Change {
  readonly title: string;
  readonly goal: string;
  readonly dependsOn: readonly number[];
  readonly files: Readonly<Record<string, string>>;
  readonly review?: { readonly feedback: string; readonly path: string };
  /** What the rework writes. */
  readonly rework?: { readonly files: Readonly<Record<string, string>>; readonly message: string };
}

const FAREWELL_TEST = `import assert from "node:assert/strict";
import { test } from "node:test";
import { farewell } from "../src/farewell.mjs";

test("says farewell", () => assert.equal(farewell("ada"), "Farewell, Ada."));
`;

const CHANGES: readonly Change[] = [
  {
    title: "Write names as people write them",
    goal: "`properName` trims a name and begins it with a capital letter.",
    dependsOn: [],
    files: {
      "src/names.mjs": `export function properName(name) {
  const trimmed = name.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
}
`,
      "test/names.test.mjs": `import assert from "node:assert/strict";
import { test } from "node:test";
import { properName } from "../src/names.mjs";

test("trims and begins with a capital", () => assert.equal(properName("  ada "), "Ada"));
test("leaves nothing as it is", () => assert.equal(properName(""), ""));
`,
    },
  },
  {
    title: "Shout a greeting",
    goal: "`shout` greets in capital letters.",
    dependsOn: [0],
    files: {
      "src/shout.mjs": `import { properName } from "./names.mjs";

export function shout(name) {
  return \`HELLO, \${properName(name).toUpperCase()}!\`;
}
`,
      "test/shout.test.mjs": `import assert from "node:assert/strict";
import { test } from "node:test";
import { shout } from "../src/shout.mjs";

test("shouts", () => assert.equal(shout("ada"), "HELLO, ADA!"));
`,
    },
  },
  {
    title: "Say farewell",
    goal: "`farewell` takes leave of somebody.",
    dependsOn: [0],
    files: {
      "src/farewell.mjs": `import { properName } from "./names.mjs";

export function farewell(name) {
  return \`Farewell, \${properName(name)}.\`;
}
`,
      "test/farewell.test.mjs": FAREWELL_TEST,
    },
    review: {
      feedback:
        '[scripted] farewell("") says "Farewell, .": say "Farewell." when there is no name, and test it.',
      path: "src/farewell.mjs",
    },
    rework: {
      message: "Take leave of nobody in particular",
      files: {
        "src/farewell.mjs": `import { properName } from "./names.mjs";

export function farewell(name) {
  const known = properName(name);
  return known === "" ? "Farewell." : \`Farewell, \${known}.\`;
}
`,
        "test/farewell.test.mjs": `${FAREWELL_TEST}
test("needs no name", () => assert.equal(farewell(" "), "Farewell."));
`,
      },
    },
  },
  {
    title: "Count how often somebody was greeted",
    goal: "`counter` counts greetings by name.",
    dependsOn: [0],
    files: {
      "src/counter.mjs": `import { properName } from "./names.mjs";

export function counter() {
  const seen = new Map();
  return (name) => {
    const known = properName(name);
    seen.set(known, (seen.get(known) ?? 0) + 1);
    return seen.get(known);
  };
}
`,
      "test/counter.test.mjs": `import assert from "node:assert/strict";
import { test } from "node:test";
import { counter } from "../src/counter.mjs";

test("counts by name", () => {
  const count = counter();
  count("ada");
  assert.equal(count("Ada"), 2);
  assert.equal(count("Grace"), 1);
});
`,
    },
  },
  {
    title: "Put it on the command line",
    goal: "`node src/cli.mjs <name>` shouts, counts and takes leave.",
    dependsOn: [1, 2, 3],
    files: {
      "src/cli.mjs": `import { fileURLToPath } from "node:url";
import { counter } from "./counter.mjs";
import { farewell } from "./farewell.mjs";
import { shout } from "./shout.mjs";

export function talk(names) {
  const count = counter();
  return names.map((name) => \`\${shout(name)} (\${count(name)}) \${farewell(name)}\`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(talk(process.argv.slice(2)).join("\\n"));
`,
      "test/cli.test.mjs": `import assert from "node:assert/strict";
import { test } from "node:test";
import { talk } from "../src/cli.mjs";

test("does all of it", () =>
  assert.deepEqual(talk(["ada", "ada"]), ["HELLO, ADA! (1) Farewell, Ada.", "HELLO, ADA! (2) Farewell, Ada."]));
`,
    },
  },
];

export const SENTENCE =
  "Please teach the greeter some manners: proper names, shouting, farewells, counting, and a command line for all of it, with tests.";
const CONVOY_TITLE = "Teach the greeter some manners";
export const TASK_COUNT: number = CHANGES.length;

type Steps = readonly object[];

function writes(folder: string, files: Readonly<Record<string, string>>, message: string): Steps {
  const steps = Object.entries(files).map(([path, content]) => ({ write: { path: folder + path, content } }));
  return [...steps, { commit: { message } }];
}

function scriptOf(folder: string, change: Change): object {
  const approve = [{ approve: { summary: "[scripted] Nobody read this: the script approves." } }];
  const { review, rework } = change;
  const ask = review && [
    { request_changes: { feedback: review.feedback, files: [{ path: folder + review.path }] } },
  ];
  return {
    steps: writes(folder, change.files, change.title),
    review: ask === undefined ? [approve] : [ask, approve],
    ...(rework === undefined ? {} : { rework: writes(folder, rework.files, rework.message) }),
  };
}

function bodyOf(folder: string, change: Change): string {
  return [change.goal, "", "```gastown-script", JSON.stringify(scriptOf(folder, change)), "```"].join("\n");
}

/** The mayor's playbook: it turns whatever it is told into this one convoy. */
export function playbook(folder: string): object {
  const tasks = CHANGES.map((change) => ({
    title: change.title,
    body: bodyOf(folder, change),
    depends_on: change.dependsOn,
  }));
  return {
    mayor: {
      steps: [
        { say: { text: "[scripted] I have one plan for everything; here it comes." } },
        {
          call: {
            tool: "gt_sling_batch",
            args: { rig_id: "{{rig}}", convoy_title: CONVOY_TITLE, tasks, staged: false },
          },
        },
        { say: { text: "[scripted] The convoy is on its way." } },
      ],
    },
  };
}
