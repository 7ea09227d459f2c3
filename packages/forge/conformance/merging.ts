import { expect, it } from "vitest";
import { lost, type Opened, opened, signal, valueOf, WORDS, type World } from "./world.ts";

export function merging(kind: "github" | "gitlab", world: () => Promise<World>): void {
  const words = WORDS[kind];
  const how = { method: "merge", title: "Land work", message: "Gastown-Bead: b1" } as const;
  const pinned = ({ url, headSha }: Opened) => ({ url, headSha, ...how });

  it("merges at the head that was asked for, and proves it", async () => {
    const at = await world();
    const work = await opened(at);
    const merged = await at.forge.merge(pinned(work), signal);
    expect(merged).toEqual({ kind: "merged", commit: await at.repository.head("main") });
    const inMain = { branch: "main", commit: work.headSha };
    expect(valueOf(await at.forge.contains(inMain, signal))).toBe(true);
    expect(await at.forge.read(work.url, signal)).toMatchObject({
      outcome: {
        pr: {
          state: "merged",
          head_sha: work.headSha,
          merged_by: "town",
          merge_commit: await at.repository.head("main"),
        },
      },
    });
  });

  it("merges once when the answer was lost", async () => {
    const at = await world();
    const work = await opened(at);
    at.simulator.faults.add({ method: "PUT", path: words.merge, fault: { kind: "lose_answer" } });
    expect(await at.forge.merge(pinned(work), signal)).toMatchObject(lost);
    const after = await at.repository.head("main");
    expect(await at.forge.merge(pinned(work), signal)).toMatchObject({
      kind: "already",
      pr: { state: "merged", head_sha: work.headSha, merge_commit: after },
    });
    expect(await at.repository.head("main")).toBe(after);
  });

  it("squashes", async () => {
    const at = await world();
    const work = await opened(at);
    const merged = await at.forge.merge({ ...pinned(work), method: "squash" }, signal);
    const commit = await at.repository.head("main");
    expect(merged).toEqual({ kind: "merged", commit });
    expect(valueOf(await at.forge.contains({ branch: "main", commit: work.headSha }, signal))).toBe(false);
    expect(valueOf(await at.forge.contains({ branch: "main", commit: commit ?? "" }, signal))).toBe(true);
  });

  it("merges no head that nobody reviewed, also when it moves in between", async () => {
    const at = await world();
    const work = await opened(at);
    const main = await at.repository.head("main");
    const next = await at.repository.commit(work.branch, { "late.txt": "x\n" });
    expect(await at.forge.merge(pinned(work), signal)).toEqual({ kind: "head_moved", head: next });
    // The head moves after our look: the merge request itself waits until somebody has pushed.
    const pushed = Promise.withResolvers<void>();
    at.simulator.faults.add({
      method: "PUT",
      path: words.merge,
      fault: { kind: "slow", until: pushed.promise },
    });
    const asked = at.forge.merge({ ...pinned(work), headSha: next }, signal);
    const last = await at.repository.commit(work.branch, { "later.txt": "x\n" });
    pushed.resolve();
    expect(await asked).toEqual({ kind: "head_moved", head: last });
    expect(await at.repository.head("main")).toBe(main);
  });

  it("tells what stands in the way", async () => {
    const at = await world();
    const work = await opened(at);
    await at.repository.protect("main", { requiredApprovals: 1 });
    expect(await at.forge.merge(pinned(work), signal)).toMatchObject({ kind: "not_mergeable" });
    await at.repository.protect("main", { requiredChecks: ["ci"] });
    expect(await at.forge.merge(pinned(work), signal)).toMatchObject({ kind: "not_mergeable" });
    await at.repository.protect("main", {});
    at.repository.allowMethods("squash");
    expect(await at.forge.merge(pinned(work), signal)).toEqual({
      kind: "method_not_allowed",
      allowed: ["squash"],
    });
    at.repository.allowMethods("merge", "squash");
    at.repository.requireQueue(true);
    expect(await at.forge.merge(pinned(work), signal)).toEqual({ kind: "queue_required" });
    at.repository.requireQueue(false);
    await at.repository.commit("main", { "src/a.txt": "one\nother\nthree\nfour\nfive\nsix\nseven\neight\n" });
    expect(await at.forge.merge(pinned(work), signal)).toMatchObject({ kind: "not_mergeable" });
    await at.repository.close(work.number);
    expect(await at.forge.merge(pinned(work), signal)).toEqual({ kind: "closed" });
  });

  it("leaves the merge to the repository's queue, and finds what that merged", async () => {
    const at = await world();
    const work = await opened(at);
    at.repository.requireQueue(true);
    expect(await at.forge.merge(pinned(work), signal)).toEqual({ kind: "queue_required" });
    expect((await at.repository.pull(work.number)).state).toBe("open");
    await at.repository.queue(work.number, "ann");
    const commit = (await at.repository.head("main")) ?? "";
    const pr = { state: "merged", head_sha: work.headSha, merge_commit: commit, merged_by: "ann" };
    expect(await at.forge.read(work.url, signal)).toMatchObject({ outcome: { kind: "ok", pr } });
    expect(await at.forge.merge(pinned(work), signal)).toMatchObject({ kind: "already", pr });
    expect(valueOf(await at.forge.contains({ branch: "main", commit }, signal))).toBe(true);
  });

  it("finds what a person merged", async () => {
    const at = await world();
    const work = await opened(at);
    const head = await at.repository.commit(work.branch, { "hand.txt": "x\n" });
    at.use(at.simulator.token("ann"));
    expect(await at.forge.merge({ ...pinned(work), headSha: head }, signal)).toMatchObject({
      kind: "merged",
    });
    at.use(at.simulator.token("town"));
    expect(await at.forge.merge(pinned(work), signal)).toMatchObject({
      kind: "already",
      pr: { head_sha: head, merged_by: "ann" },
    });
  });
}
