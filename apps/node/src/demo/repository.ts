// cspell:ignore gpgsign hardlinks
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { GastownError } from "@gastown/protocol";
import { detectGates } from "../commands/detect-gates.ts";
import { git } from "./git.ts";

/** What the demo works on: a bare repository of its own. */
export interface DemoRepository {
  /** The remote that the town lands on. */
  readonly remote: string;
  readonly branch: string;
  readonly base: string;
  /** Folder in which the scripted agents work, with a slash at its end; empty: everywhere. */
  readonly folder: string;
  readonly gates: readonly { name: string; command: string }[];
  /** What a person should know of how it was set up. */
  readonly remarks: readonly string[];
}

const SEED: readonly (readonly [subject: string, files: Readonly<Record<string, string>>])[] = [
  [
    "Begin with a project",
    {
      "package.json": `${JSON.stringify({ name: "greeter", version: "1.0.0", type: "module", scripts: { test: "node --test" } }, null, 2)}\n`,
      "README.md": "# greeter\n\nSays hello.\n",
    },
  ],
  ["Say hello", { "src/hello.mjs": "export function hello(name) {\n  return `Hello, ${name}!`;\n}\n" }],
  [
    "Test that it says hello",
    {
      "test/hello.test.mjs": `import assert from "node:assert/strict";
import { test } from "node:test";
import { hello } from "../src/hello.mjs";

test("says hello", () => assert.equal(hello("Ada"), "Hello, Ada!"));
`,
    },
  ],
];

const AUTHOR = [
  "-c",
  "user.name=Demo",
  "-c",
  "user.email=demo@gastown.invalid",
  "-c",
  "commit.gpgsign=false",
];

/** A small Node project with a few commits, in a bare repository below `root`. */
export async function makeRepository(root: string): Promise<DemoRepository> {
  const seed = join(root, "seed");
  const remote = join(root, "greeter.git");
  await git(["init", "--quiet", "--initial-branch=main", seed]);
  for (const [subject, files] of SEED) {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(seed, path)), { recursive: true });
      writeFileSync(join(seed, path), text);
    }
    await git(["add", "--all"], { cwd: seed });
    await git([...AUTHOR, "commit", "--quiet", "--message", subject], { cwd: seed });
  }
  await git(["clone", "--quiet", "--bare", seed, remote]);
  return {
    remote,
    branch: "main",
    base: await git(["rev-parse", "main"], { cwd: remote }),
    folder: "",
    gates: [{ name: "tests", command: "node --test" }],
    remarks: [],
  };
}

const FOLDER = "gastown-demo";
const TRY_MS = 120_000;

/** A mirror of the person's repository below `root`; the original is only read. */
export async function mirrorRepository(
  root: string,
  source: string,
  signal: AbortSignal,
): Promise<DemoRepository> {
  const remote = join(root, "mirror.git");
  await git(["clone", "--quiet", "--mirror", source, remote], { own: true, signal }).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      throw new GastownError(
        "repository_unusable",
        `${source} could not be cloned (${error instanceof Error ? error.message : "git failed"}). Check that it exists and that you may read it.`,
      );
    },
  );
  // Nothing may reach the original by accident: a mirror clone knows where it came from.
  await git(["remote", "remove", "origin"], { cwd: remote }).catch(() => "");
  const branch = await git(["symbolic-ref", "--short", "HEAD"], { cwd: remote });
  const base = await git(["rev-parse", "--verify", "--quiet", "HEAD^{commit}"], { cwd: remote }).catch(() => {
    throw new GastownError(
      "repository_unusable",
      `${source} has no commits yet. Make a first one, then try again.`,
    );
  });
  const folder = await freeFolder(remote);
  const { gates, remarks } = await usableGates(root, remote, base, signal);
  return {
    remote,
    branch,
    base,
    folder: `${folder}/`,
    gates: [...gates, { name: "demo tests", command: `node --test ${folder}/test/*.test.mjs` }],
    remarks: [...remarks, `The scripted agents write into the new folder ${folder}/ only.`],
  };
}

async function freeFolder(remote: string): Promise<string> {
  const top = new Set((await git(["ls-tree", "--name-only", "HEAD"], { cwd: remote })).split("\n"));
  for (let i = 1; ; i += 1) {
    const name = i === 1 ? FOLDER : `${FOLDER}-${i}`;
    if (!top.has(name)) return name;
  }
}

/** The repository's own tests, where they pass as it is; with dependencies missing they do not. */
async function usableGates(
  root: string,
  remote: string,
  base: string,
  signal: AbortSignal,
): Promise<Pick<DemoRepository, "gates" | "remarks">> {
  const probe = join(root, "probe");
  await git(["clone", "--quiet", "--no-hardlinks", "--shared", remote, probe]);
  await git(["checkout", "--quiet", "--detach", base], { cwd: probe });
  const [command] = detectGates(probe);
  if (command === undefined)
    return { gates: [], remarks: ["The repository has no test command that the demo knows."] };
  if (await passes(command, probe, signal))
    return {
      gates: [{ name: "tests", command }],
      remarks: [`Before anything lands, its own \`${command}\` must pass.`],
    };
  return {
    gates: [],
    remarks: [
      `Its own \`${command}\` fails in a fresh clone (missing dependencies?), so it decides nothing here.`,
    ],
  };
}

function passes(command: string, cwd: string, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  execFile("sh", ["-c", command], { cwd, signal, timeout: TRY_MS, maxBuffer: 64 * 1024 * 1024 }, (error) =>
    resolve(error === null),
  );
  return promise;
}
