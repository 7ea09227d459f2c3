// cspell:ignore oneline
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { OptionValues, Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { CommandError, errorBody, EXIT, shown, usageError } from "../cli/failure.ts";
import { duration, type Output } from "../cli/output.ts";
import { textOption, timeoutOption } from "../cli/values.ts";
import { absoluteUrl } from "../commands/rig.ts";
import { git } from "./git.ts";
import { makeRepository, mirrorRepository, type DemoRepository } from "./repository.ts";
import { runDemo, type DemoOutcome } from "./run-demo.ts";
import { Story } from "./show.ts";
import { TASK_COUNT } from "./tasks.ts";

const TIMEOUT_SECONDS = 180;
const SCRIPTED =
  "Everything is real here but the agents: they are scripted, follow prepared steps, and no model is called.";

/** What `--json` prints, as one object on the last line. */
interface DemoReport {
  readonly landed: boolean;
  readonly convoy: { id: string; title: string; state: string } | null;
  readonly beads: readonly { id: string; title: string; status: string; reason: string | null }[];
  readonly commits: DemoOutcome["commits"];
  readonly duration_ms: number;
  readonly agents: DemoOutcome["agents"];
  /** Where the result is: a bare repository. Null when nothing was made. */
  readonly repository: string | null;
  readonly error?: unknown;
}

/** `gastown demo`: one sentence to a scripted mayor, a convoy of five beads, landed on main. */
export const demo: Run = async (context, _args, options) => {
  const source = textOption(options, "repo");
  if (options["push"] === true && source === undefined)
    throw usageError("--push is for --repo: without it there is no repository of yours to push to.");
  const timeoutMs = timeoutOption(options, TIMEOUT_SECONDS) ?? TIMEOUT_SECONDS * 1000;
  const root = mkdtempSync(join(tmpdir(), "gastown-demo-"));
  const keep = options["keep"] === true;
  // A program that asked for the report wants to look at the result that it names.
  const keepRepository = keep || context.out.json;
  try {
    return await play(context, options, { root, source, timeoutMs, keep: keepRepository });
  } finally {
    if (keep) context.out.note(`Kept: ${root}`);
    else cleanUp(root, keepRepository);
  }
};

/** Removes what the demo made, but for its bare repository where that is kept. */
function cleanUp(root: string, keepRepository: boolean): void {
  const kept = keepRepository ? readdirSync(root).filter((name) => name.endsWith(".git")) : [];
  const gone =
    kept.length === 0
      ? [root]
      : readdirSync(root)
          .filter((name) => !kept.includes(name))
          .map((name) => join(root, name));
  for (const path of gone) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}

interface Play {
  readonly root: string;
  readonly source: string | undefined;
  readonly timeoutMs: number;
  readonly keep: boolean;
}

async function play(
  context: Context,
  options: OptionValues,
  { root, source, timeoutMs, keep }: Play,
): Promise<number> {
  const { out, signal } = context;
  const story = new Story(out, () => performance.now());
  say(out, out.style("bold", SCRIPTED));
  const original = source === undefined ? undefined : absoluteUrl(source, context.cwd);
  const repository =
    original === undefined ? await makeRepository(root) : await mirrorRepository(root, original, signal);
  for (const remark of repository.remarks) say(out, remark);
  story.say(
    "start",
    `a bare repository, ${TASK_COUNT} beads to come, tests: ${repository.gates.map((gate) => gate.command).join(" · ")}`,
  );
  let outcome: DemoOutcome;
  try {
    outcome = await runDemo({ context, root, repository, story, timeoutMs, signal });
  } catch (error) {
    if (!out.json || signal.aborted) throw error;
    return failed(out, error, story, keep ? repository.remote : null);
  }
  const ms = Math.round(story.elapsedMs());
  if (options["push"] === true && original !== undefined) await push(repository, original, story);
  const report = reportOf(outcome, ms, keep ? repository.remote : null);
  story.say("landed", `on ${repository.branch} in ${duration(ms)}`, "green");
  if (out.json) out.note(SCRIPTED);
  out.result(report, () => summary(out, outcome, ms, repository.branch));
  await showHistory(out, repository, keep);
  return EXIT.done;
}

function say(out: Output, text: string): void {
  if (out.json) out.note(text);
  else out.piece(`${text}\n`);
}

function reportOf(
  { convoy, commits, agents }: DemoOutcome,
  ms: number,
  repository: string | null,
): DemoReport {
  return {
    landed: convoy.state === "landed",
    convoy: { id: convoy.id, title: convoy.title, state: convoy.state },
    beads: convoy.nodes.map(({ beadId, title, status, reason }) => ({ id: beadId, title, status, reason })),
    commits,
    duration_ms: ms,
    agents,
    repository,
  };
}

/** With `--json` a failure is the same object, not landed and with its error. */
function failed(out: Output, thrown: unknown, story: Story, repository: string | null): number {
  const { error } = shown(thrown);
  const report: DemoReport = {
    landed: false,
    convoy: null,
    beads: [],
    commits: [],
    duration_ms: Math.round(story.elapsedMs()),
    agents: [],
    repository,
    ...errorBody(error),
  };
  out.result(report, "");
  return error instanceof CommandError ? error.exit : EXIT.failed;
}

function summary(out: Output, { convoy, commits, agents }: DemoOutcome, ms: number, branch: string): string {
  const done = convoy.nodes.filter((node) => node.status === "closed").length;
  const names = agents.map((agent) => `${agent.name} (${agent.role})`).join(", ");
  return [
    "",
    out.style(
      "green",
      `Landed in ${duration(ms)}: ${done} of ${convoy.nodes.length} beads, ${commits.length} commits on ${branch}.`,
    ),
    `Scripted agents: ${names}. No model was called.`,
  ].join("\n");
}

/** The resulting history. A note, so that the last line of `--json` stays the report. */
async function showHistory(out: Output, { remote, branch }: DemoRepository, keep: boolean): Promise<void> {
  if (out.json) return;
  const graph = await git(["log", "--graph", "--oneline", "--format=%h %s  (%an)", "-30", branch], {
    cwd: remote,
  });
  out.piece(`\n${graph}\n\n`);
  out.piece(keep ? `The repository: ${remote}\n` : "The repository was removed again; --keep keeps it.\n");
}

/** Lands the result in the person's own repository, where its branch still is what it was. */
async function push({ remote, branch, base }: DemoRepository, original: string, story: Story): Promise<void> {
  const ref = `refs/heads/${branch}`;
  try {
    await git(["push", `--force-with-lease=${ref}:${base}`, original, `${ref}:${ref}`], {
      cwd: remote,
      own: true,
    });
  } catch (error) {
    throw new CommandError(
      EXIT.conflict,
      "push_failed",
      `The result could not be pushed to ${original}: ${error instanceof Error ? error.message : "git refused"} A branch that is checked out there cannot be pushed to: give its remote instead. Nothing was changed; --keep keeps the result.`,
    );
  }
  story.say("pushed", `${branch} of ${original}`, "green");
}
