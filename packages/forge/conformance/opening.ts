import { expect, it } from "vitest";
import { lost, opened, signal, valueOf, WORDS, type World } from "./world.ts";

export function opening(kind: "github" | "gitlab", world: () => Promise<World>): void {
  const words = WORDS[kind];

  it("tells what setup needs to know of a repository", async () => {
    const { forge, repository, simulator, use } = await world();
    const methods = kind === "github" ? ["merge", "squash", "rebase"] : ["merge", "squash"];
    const facts = { defaultBranch: "main", canPush: true, mergeMethods: methods, mergeQueueRequired: false };
    expect(valueOf(await forge.repository(signal))).toEqual(facts);
    repository.requireQueue(true);
    repository.allowMethods("squash");
    expect(valueOf(await forge.repository(signal))).toEqual({
      ...facts,
      mergeMethods: ["squash"],
      mergeQueueRequired: true,
    });
    use(simulator.token("eve"));
    expect(valueOf(await forge.repository(signal))).toMatchObject({ canPush: false });
  });

  it("opens a pull request, and adopts it when it is asked again", async () => {
    const { forge, repository } = await world();
    const headSha = await repository.commit("work", { "b.txt": "b\n" });
    const input = { branch: "work", target: "main", headSha, title: "Work", body: "Why" };
    const first = valueOf(await forge.openPullRequest(input, signal));
    expect(first).toMatchObject({
      url: repository.pullUrl(1),
      number: 1,
      state: "open",
      draft: false,
      mergeable: "clean",
      head_sha: headSha,
      head: "work",
      from_fork: false,
      base: "main",
      title: "Work",
      author: "town",
      merge_commit: null,
      merged_by: null,
    });
    expect(valueOf(await forge.openPullRequest({ ...input, title: "Again" }, signal))).toEqual(first);
    expect(await repository.pulls()).toHaveLength(1);
  });

  it("opens one, not two, when the answer was lost", async () => {
    const { forge, repository, simulator } = await world();
    const headSha = await repository.commit("work", { "b.txt": "b\n" });
    const input = { branch: "work", target: "main", headSha, title: "Work", body: "Why" };
    simulator.faults.add({ ...words.open, fault: { kind: "lose_answer" } });
    expect(await forge.openPullRequest(input, signal)).toMatchObject(lost);
    expect(valueOf(await forge.openPullRequest(input, signal))).toMatchObject({ number: 1 });
    expect(await repository.pulls()).toHaveLength(1);
  });

  it("opens a draft", async () => {
    const { forge, repository } = await world();
    const headSha = await repository.commit("work", { "b.txt": "b\n" });
    const input = { branch: "work", target: "main", headSha, title: "Work", body: "Why", draft: true };
    const pr = valueOf(await forge.openPullRequest(input, signal));
    expect(pr).toMatchObject({ draft: true, mergeable: "blocked" });
  });

  it("never opens anew what was merged or closed at this head", async () => {
    const at = await world();
    const { forge, repository } = at;
    const { headSha, number, url } = await opened(at);
    const input = { branch: "work", target: "main", headSha, title: "Work", body: "" };
    await repository.close(number);
    expect(valueOf(await forge.openPullRequest(input, signal))).toMatchObject({ number, state: "closed" });

    const next = await repository.commit("work", { "c.txt": "c\n" });
    const second = valueOf(await forge.openPullRequest({ ...input, headSha: next }, signal));
    expect(second).toMatchObject({ state: "open", head_sha: next });
    expect(second.url).not.toBe(url);
    const how = { method: "merge", title: "Merge", message: "" } as const;
    expect(await forge.merge({ url: second.url, headSha: next, ...how }, signal)).toMatchObject({
      kind: "merged",
    });
    const again = valueOf(await forge.openPullRequest({ ...input, headSha: next }, signal));
    expect(again).toMatchObject({ number: second.number, state: "merged" });
  });

  it("says why one was not opened", async () => {
    const { forge, repository } = await world();
    const headSha = (await repository.head("main")) ?? "";
    const refused = { kind: "http_error", transient: false };
    const input = { target: "main", headSha, title: "Work", body: "" };
    expect(await forge.openPullRequest({ ...input, branch: "nowhere" }, signal)).toMatchObject(refused);
    expect(await forge.openPullRequest({ ...input, branch: "main" }, signal)).toMatchObject(refused);
    expect(await repository.pulls()).toEqual([]);
  });
}
