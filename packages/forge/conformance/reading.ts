import { expect, it } from "vitest";
import { opened, signal, valueOf, WORDS, type World } from "./world.ts";

export function reading(kind: "github" | "gitlab", world: () => Promise<World>): void {
  const words = WORDS[kind];

  it("reads everything that decides in one reading", async () => {
    const at = await world();
    const { url, headSha } = await opened(at);
    const read = await at.forge.read(url, signal);
    expect(read).toEqual({
      outcome: { kind: "ok", pr: expect.objectContaining({ url, state: "open", head_sha: headSha }) },
      signals: {
        threads: { state: "known", unresolved: [] },
        checks: { state: "known", head_sha: headSha, items: [] },
        approval: { state: "known", decision: "none" },
      },
    });
  });

  it("tells conflicts, missing approvals, being behind and values that nobody knows", async () => {
    const at = await world();
    const { url, number } = await opened(at);
    const mergeable = async (): Promise<unknown> => {
      const read = await at.forge.read(url, signal);
      return "outcome" in read && read.outcome.kind === "ok" ? read.outcome.pr.mergeable : read;
    };
    expect(await mergeable()).toBe("clean");
    await at.repository.protect("main", { requiredApprovals: 1 });
    expect(await mergeable()).toBe("blocked");
    await at.repository.protect("main", { upToDate: true });
    await at.repository.commit("main", { "other.txt": "x\n" });
    expect(await mergeable()).toBe("behind");
    await at.repository.protect("main", {});
    const pull = await at.repository.pull(number);
    pull.saysMergeable = "astonished";
    expect(await mergeable()).toBe("unknown");
    pull.saysMergeable = null;
    await at.repository.commit("main", { "src/a.txt": "one\nother\nthree\nfour\nfive\nsix\nseven\neight\n" });
    expect(await mergeable()).toBe("dirty");
  });

  it("reads the states of all checks", async () => {
    const at = await world();
    const { url, headSha } = await opened(at);
    const checks = async (): Promise<unknown> => {
      const read = await at.forge.read(url, signal);
      if (!("signals" in read) || read.signals === null) return read;
      const { checks } = read.signals;
      return checks.state === "known"
        ? Object.fromEntries(checks.items.map(({ name, state }) => [name, state]))
        : checks;
    };
    for (let i = 0; i < 120; i += 1) at.repository.check(headSha, { name: `unit ${i}` });
    for (let i = 0; i < 105; i += 1) at.repository.check(headSha, { name: `legacy ${i}`, kind: "status" });
    at.repository.check(headSha, { name: "unit 119", conclusion: words.failed });
    at.repository.check(headSha, { name: "legacy 104", kind: "status", conclusion: words.failed });
    at.repository.check(headSha, { name: "lint", status: words.running, conclusion: null });
    at.repository.check(headSha, { name: "docs", conclusion: "skipped" });
    const found = await checks();
    expect(found).toMatchObject({
      "unit 0": "success",
      "unit 119": "failure",
      "legacy 0": "success",
      "legacy 104": "failure",
      lint: "pending",
      docs: "skipped",
    });
    // GitLab's pipeline is a check of its own.
    expect(Object.keys(found as object).length).toBe(kind === "github" ? 227 : 228);
    at.repository.check(headSha, { name: "odd", conclusion: "wonderful" });
    expect(await checks()).toEqual({ state: "unknown", why: expect.stringContaining('"odd"') });
  });

  it("gives the end of a failed check's log", async () => {
    const at = await world();
    const { url, headSha } = await opened(at);
    const log = `${"noise\n".repeat(10_000)}expected 1, got 2\n`;
    at.repository.check(headSha, { name: "test", conclusion: words.failed, log });
    at.repository.check(headSha, {
      name: "old",
      kind: "status",
      conclusion: words.failed,
      summary: "3 failed",
    });
    const ask = async (name: string): Promise<string | null> =>
      valueOf(await at.forge.checkLog({ url, name, headSha }, signal));
    const tail = await ask("test");
    expect(tail).toMatch(/^…\nnoise\n[^]*expected 1, got 2$/);
    expect(tail?.length).toBeLessThan(17_000);
    expect(await ask("old")).toBe("3 failed");
    expect(await ask("none such")).toBeNull();
  });

  it("reads all threads and all their comments", async () => {
    const at = await world();
    const { url, number } = await opened(at);
    for (let i = 0; i < 130; i += 1)
      await at.repository.thread(number, { by: "ann", body: `point ${i}`, path: "src/a.txt", line: 2 });
    const pull = await at.repository.pull(number);
    pull.threads.slice(0, 100).forEach((thread) => {
      thread.resolved = true;
    });
    const long = pull.threads[129];
    for (let i = 0; i < 160; i += 1)
      long?.notes.push({ id: 90_000 + i, author: pull.author, body: `reply ${i}`, at: i });
    const all = valueOf(await at.forge.threads(url, signal));
    expect(all).toHaveLength(130);
    expect(all.at(-1)?.comments).toHaveLength(161);
    expect(all.at(-1)?.comments.at(-1)).toMatchObject({ author: "town", body: "reply 159" });
    expect(all[0]).toMatchObject({ resolved: true, outdated: false, path: "src/a.txt", line: 2 });
    const read = await at.forge.read(url, signal);
    expect(read).toMatchObject({ signals: { threads: { state: "known", unresolved: { length: 30 } } } });
  });

  it("lets no noise of bots and readers hold anything up: what opens no thread and asks for nothing", async () => {
    const at = await world();
    const { url, number } = await opened(at);
    const bot = kind === "github" ? "coverage[bot]" : "project_7_bot_a1";
    at.simulator.user(bot, "bot");
    for (let i = 0; i < 30; i += 1) await at.repository.note(number, bot, `coverage ${i} %`);
    await at.repository.note(number, "eve", "me too");
    // Who may not write is asked by nobody: GitHub leaves their opinion out of its decision.
    if (kind === "github") await at.repository.requestChanges(number, "eve", "I would do it differently.");
    expect(await at.forge.read(url, signal)).toMatchObject({
      outcome: { kind: "ok", pr: { mergeable: "clean" } },
      signals: {
        threads: { state: "known", unresolved: [] },
        approval: { state: "known", decision: "none" },
      },
    });
  });

  it("tells who may write, and what is a bot", async () => {
    const at = await world();
    const { url, number } = await opened(at);
    await at.repository.thread(number, { by: "ann", body: "a writer", path: "src/a.txt", line: 2 });
    await at.repository.thread(number, { by: "eve", body: "a reader\0", path: "src/a.txt", line: 2 });
    const bot = kind === "github" ? "linter[bot]" : "project_7_bot_a1";
    at.simulator.user(bot, "bot");
    await at.repository.thread(number, { by: bot, body: "a bot", path: "src/a.txt" });
    const said = valueOf(await at.forge.threads(url, signal)).map(({ line, comments }) => ({
      line,
      author: comments[0]?.author,
      kind: comments[0]?.author_kind,
      may: comments[0]?.can_write,
      body: comments[0]?.body,
    }));
    expect(said).toMatchObject([
      { author: "ann", line: 2 },
      { author: "eve", may: false, body: "a reader" },
      { author: bot, kind: "bot", line: null },
    ]);
    // A collaborator of GitHub may be a reader: not known counts as yes.
    expect(said[0]?.may).toBe(kind === "github" ? null : true);
  });

  it("follows approvals, and what a push takes away", async () => {
    const at = await world();
    const { url, number, branch } = await opened(at);
    const decision = async (): Promise<unknown> => {
      const read = await at.forge.read(url, signal);
      return "signals" in read ? read.signals?.approval : read;
    };
    expect(await decision()).toEqual({ state: "known", decision: "none" });
    await at.repository.approve(number, "ann");
    expect(await decision()).toEqual({ state: "known", decision: "approved" });
    await at.repository.requestChanges(number, "ann", "Not like this.");
    // GitLab knows that somebody asks for changes, and no text of it.
    const requests = kind === "github" ? { requests: [{ author: "ann", body: "Not like this." }] } : {};
    expect(await decision()).toEqual({ state: "known", decision: "changes_requested", ...requests });
    await at.repository.commit(branch, { "answer.txt": "done\n" });
    // It was said of the head before: whether it still holds is the reviewer's to say.
    expect(await decision()).toEqual({ state: "known", decision: "changes_requested" });
    await at.repository.protect("main", { requiredApprovals: 1, dismissStale: true });
    await at.repository.approve(number, "ann");
    expect(await decision()).toEqual({ state: "known", decision: "approved" });
    await at.repository.commit(branch, { "more.txt": "more\n" });
    expect(await decision()).toEqual({ state: "known", decision: "review_required" });
  });

  it("gives no signals of what is closed or merged", async () => {
    const at = await world();
    const { url, number } = await opened(at);
    await at.repository.close(number);
    expect(await at.forge.read(url, signal)).toMatchObject({
      outcome: { kind: "ok", pr: { state: "closed" } },
      signals: null,
    });
  });
}
