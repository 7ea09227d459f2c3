/** What must hold when a story is over, whatever happened on its way (spec/review.md §4.5, §5). */
import { mergeRequestShape } from "@gastown/protocol";
import { expect } from "vitest";
import { z } from "zod";
import { listOf } from "../../apps/node/src/cli/target.ts";
import { git } from "../../apps/node/src/demo/git.ts";
import type { SimulatedRepository } from "../../packages/forge/simulator/index.ts";
import type { Stage } from "./stage.ts";

export interface Outcome {
  /** Of each rig, in order: where its pull requests went. Each is one bead's, or one landing's. */
  readonly bases: readonly (readonly string[])[];
  /** Of each rig: what its default branch has. */
  readonly files: readonly Readonly<Record<string, string>>[];
  /** What threads say that were let pass, and stay open. */
  readonly passed?: readonly string[];
}

export async function expectOutcome(stage: Stage, outcome: Outcome): Promise<void> {
  await nothingWaits(stage);
  for (const [index, repository] of [...stage.repositories.values()].entries()) {
    await mergedOnce(repository, outcome.bases[index] ?? []);
    await saidNothingAfter(repository, outcome.passed ?? []);
    await holdsTheWork(repository, outcome.files[index] ?? {});
  }
  await onePullRequestEach(stage);
  await invariantsHold(stage);
}

/** Each pull request is merged, at its last head, by one commit of its base; and nothing else is there. */
async function mergedOnce(repository: SimulatedRepository, bases: readonly string[]): Promise<void> {
  const pulls = await repository.pulls();
  expect(pulls.map(({ base, state }) => ({ base, state }))).toEqual(
    bases.map((base) => ({ base, state: "merged" })),
  );
  const main = await git(["rev-list", "--first-parent", "main"], { cwd: repository.dir });
  const merges = main.split("\n").slice(0, -1);
  const intoMain = pulls.filter(({ base }) => base === "main").map(({ mergeCommit }) => mergeCommit);
  expect(merges.toReversed()).toEqual(intoMain);
  const history = (await git(["rev-list", "main"], { cwd: repository.dir })).split("\n");
  for (const { headSha } of pulls) expect(history).toContain(headSha);
}

async function saidNothingAfter(repository: SimulatedRepository, passed: readonly string[]): Promise<void> {
  for (const { mergedAt, notes, reviews, threads } of await repository.pulls()) {
    const said = [...notes, ...reviews, ...threads.flatMap((thread) => thread.notes)];
    expect(said.filter(({ at }) => at > (mergedAt ?? 0))).toEqual([]);
    const open = threads.filter(({ resolved }) => !resolved);
    expect(open.flatMap((thread) => thread.notes.map(({ body }) => body))).toEqual(passed);
  }
}

async function holdsTheWork(
  repository: SimulatedRepository,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [path, content] of Object.entries(files))
    expect(`${await git(["show", `main:${path}`], { cwd: repository.dir })}\n`).toBe(content);
  expect(await repository.branches()).toEqual(["main"]);
}

/** Each merge request of the town has one of its own, and none but the merged ones is left. */
async function onePullRequestEach({ town, repositories }: Stage): Promise<void> {
  const list = listOf(mergeRequestShape);
  const urlsOf = async (query: { state?: "merged" | "failed" }): Promise<string[]> =>
    (await town.api().get(list, `${town.townPath}/merges`, query)).items.map(
      ({ pullRequest }) => pullRequest?.url ?? "none",
    );
  const shown: string[] = [];
  for (const repository of repositories.values())
    for (const { number } of await repository.pulls()) shown.push(repository.pullUrl(number));
  expect((await urlsOf({ state: "merged" })).toSorted()).toEqual(shown.toSorted());
  expect(await urlsOf({})).toEqual([]);
}

const LEFT = `select 'effect ' || kind || ' ' || subject as what from outbox
    where state in ('pending', 'running', 'accepted', 'dead')
  union all select 'session ' || id from sessions where state <> 'ended'
  union all select 'bead ' || title from beads where status not in ('closed', 'failed')
  union all select 'merge ' || bead_id from merge_requests where state not in ('merged', 'failed')
  union all select 'question ' || title from escalations where open = 1`;

async function nothingWaits({ pace }: Stage): Promise<void> {
  // Branches are deleted, and the last word of an agent's process is heard, after everything else.
  await pace.settled();
  expect(pace.read(z.object({ what: z.string() }), LEFT)).toEqual([]);
}

const doctorAnswer = z.object({
  checks: z.array(z.object({ name: z.string(), state: z.string(), message: z.string() })),
});

async function invariantsHold({ town }: Stage): Promise<void> {
  const { checks } = (await town.world.run(["doctor", "--json"])).json(doctorAnswer);
  const invariants = checks.filter(({ name }) => name.startsWith("invariants of"));
  expect(invariants).toEqual([{ name: "invariants of faults", state: "ok", message: "all hold" }]);
}
