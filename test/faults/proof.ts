/** What must hold at the end of every fault: all landed, nothing twice, nothing lost, no rule broken. */
import { randomBytes } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { openTown } from "@gastown/town";
import { expect, vi } from "vitest";
import { git } from "../../apps/node/src/demo/git.ts";
import { nodeSql, sqlOptions } from "../../apps/node/src/storage/node-sql.ts";
import type { TownProcess } from "./town-process.ts";

/**
 * Waits until these beads have landed and proves the rest, the host's orderly end included: after
 * it nothing may run that it or its runners ever started.
 */
export async function everythingLanded(
  town: TownProcess,
  beadIds: readonly string[],
  { convoys = 0 }: { convoys?: number } = {},
): Promise<void> {
  await town.land(beadIds);
  if (convoys > 0) await town.seen("the convoys to land", ({ kind }) => kind === "convoy.landed", convoys);
  await landedOnce(town, beadIds, convoys);
  await nothingTwice(town);
  await noCommitLost(town);
  expect(await town.down()).toBe(0);
  expect(town.world.runners()).toEqual([]);
  // What starts the runner's gits ends when it hears that the runner has: nobody hears of that.
  await vi.waitFor(() => expect(town.workers()).toEqual([]), { timeout: 20_000, interval: 20 });
  expect(violations(town)).toEqual([]);
}

/** Each bead (and each convoy as a whole) has one merge, and its merge commit is in the target. */
async function landedOnce(town: TownProcess, beadIds: readonly string[], convoys: number): Promise<void> {
  const beads = await Promise.all(beadIds.map((id) => town.bead(id)));
  const commits = beads.map(({ mergeRequest }) => mergeRequest?.mergeCommit ?? "none");
  expect(new Set(commits).size).toBe(beads.length);
  const landings = (await town.events()).filter(({ kind }) => kind === "merge.landed");
  expect(landings).toHaveLength(beads.length + convoys);
  const onMain = await git(["rev-list", "--merges", "main"], { cwd: town.remote });
  expect(onMain.split("\n")).toEqual(expect.arrayContaining(commits));
  expect(onMain.split("\n").length).toBeGreaterThanOrEqual(landings.length);
}

/** Every change and every merge of these tests has a subject of its own, so one that came twice shows. */
async function nothingTwice(town: TownProcess): Promise<void> {
  for (const kind of ["--merges", "--no-merges"]) {
    const log = await git(["log", kind, "--format=%s", "main"], { cwd: town.remote });
    const subjects = log.split("\n");
    expect(subjects.filter((subject, i) => subjects.indexOf(subject) !== i)).toEqual([]);
  }
}

/** Whatever an agent committed is on some ref of the remote, which is whole. */
async function noCommitLost(town: TownProcess): Promise<void> {
  await git(["fsck", "--full", "--no-dangling"], { cwd: town.remote });
  for (const commit of town.commits()) {
    const refs = await git(["for-each-ref", "--contains", commit, "--format=%(refname)"], {
      cwd: town.remote,
    });
    expect({ commit, refs }).not.toEqual({ commit, refs: "" });
  }
}

/** The engine's own invariants (spec/town.md §8) over what the ended host left on the disk. */
function violations(town: TownProcess): unknown[] {
  const db = new DatabaseSync(town.databasePath, sqlOptions);
  try {
    const random = (): Uint8Array => new Uint8Array(randomBytes(16));
    const ports = { sql: nodeSql(db), now: () => Date.now(), random, fallbackRuntime: "scripted" };
    return openTown(ports).checkInvariants();
  } finally {
    db.close();
  }
}
