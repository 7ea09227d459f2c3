/**
 * Test C on a real repository (spec/review.md §5), with the story that the tests tell:
 * `npm run test-c -- --repo https://github.com/you/scratch.git --token-env NAME --yes`.
 * Scripted agents: no model is asked. Everything happens on branches of its own, which are deleted at the end.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { TownProcess } from "../../faults/town-process.ts";
import { TEST_C_REVIEW, tellTestC } from "../scenarios/landed-chain.ts";
import type { Story } from "../story.ts";
import { HostedWitness, type HostedRepository } from "./hosted.ts";

/** Checks of four pull requests, and two minutes for each head that has none. */
const LIMIT_MS = 60 * 60_000;
const USAGE = "npm run test-c -- --repo <https url> --token-env <NAME> [--forge github|gitlab] --yes";

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}

function asked(): HostedRepository & { readonly sure: boolean } {
  const { values } = parseArgs({
    options: {
      repo: { type: "string" },
      "token-env": { type: "string" },
      forge: { type: "string" },
      yes: { type: "boolean", default: false },
    },
  });
  const { repo, "token-env": name = "", yes: sure } = values;
  if (repo === undefined || !URL.canParse(repo) || name === "") fail(USAGE);
  const token = process.env[name];
  if (token === undefined || token === "") fail(`The environment has no ${name}.`);
  const { host } = new URL(repo);
  const named = values.forge ?? (host === "github.com" ? "github" : "gitlab");
  const forge = named === "github" || named === "gitlab" ? named : fail(USAGE);
  return { forge, cloneUrl: repo, token, sure };
}

async function tell(
  at: HostedRepository,
  run: string,
  target: string,
  witness: HostedWitness,
): Promise<void> {
  const { origin, host } = new URL(at.cloneUrl);
  const isGitHub = at.forge === "github";
  const town = new TownProcess({
    limitMs: LIMIT_MS,
    hosted: { dir: "", cloneUrl: at.cloneUrl, rig: { defaultBranch: target } },
    env: isGitHub && host !== "github.com" ? { GASTOWN_GITHUB_URL: origin } : {},
    config: {
      merge_strategy: "pr",
      review: { ...TEST_C_REVIEW, poll_seconds: 15 },
      credentials: isGitHub ? { github_token: at.token } : { gitlab_token: at.token, gitlab_url: origin },
    },
  });
  try {
    await town.begin();
    let told = 0;
    const story: Story = {
      town,
      witnesses: new Map([[town.rigId, witness]]),
      until: (what, read) =>
        town.until(what, async () => {
          const events = await town.events();
          const news = events.slice(told).filter(({ kind }) => /^(pr|convoy|merge)\./.test(kind));
          told = events.length;
          for (const { at: time, text } of news) say(`${time} ${text}`);
          return read();
        }),
    };
    await tellTestC(story, run, target);
  } finally {
    await town.end();
  }
}

const { sure, ...at } = asked();
const run = `test-c-${Date.now().toString(36)}`;
const target = `gastown-${run}`;
say(
  `On ${at.cloneUrl} this makes the branch ${target} from the default branch, and branches under convoy/${run}/;`,
);
say("opens four pull requests among them and merges them; then deletes all these branches. The default");
say("branch is not touched. What is merged stays in the list of pull requests.");
if (!sure) fail("Nothing was done. Add --yes to do it.");

const scratch = mkdtempSync(join(tmpdir(), "gastown-test-c-"));
const isOurs = (branch: string): boolean => branch === target || branch.startsWith(`convoy/${run}/`);
const witness = new HostedWitness(at, join(scratch, "seen.git"), isOurs);
try {
  await witness.begin(target);
  try {
    await tell(at, run, target, witness);
    say("Test C holds: three pull requests into the convoy's branch, one that landed it.");
  } finally {
    for (const line of await witness.cleanUp()) say(line);
  }
} catch (error) {
  process.exitCode = 1;
  process.stderr.write(`Test C does not hold: ${error instanceof Error ? error.message : String(error)}\n`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
