import { expect, it } from "vitest";
import { lost, opened, signal, valueOf, type World } from "./world.ts";

export function writing(kind: "github" | "gitlab", world: () => Promise<World>): void {
  const review = {
    marker: "effect-1",
    body: "Two things.",
    comments: [
      { path: "src/a.txt", line: 2, body: "why 2?" },
      { path: "src/a.txt", line: 3, body: "and this unchanged line" },
      { path: "src/a.txt", line: 400, body: "no such line" },
      { path: "elsewhere.txt", line: 1, body: "not in the diff" },
    ],
  };
  const posts = { method: "POST", path: /reviews|comments|discussions|notes/ };

  it("posts a review with its comments where they belong", async () => {
    const at = await world();
    const { url, headSha, number } = await opened(at);
    expect(valueOf(await at.forge.postReview({ url, headSha, ...review }, signal))).toEqual({ posted: true });
    const threads = valueOf(await at.forge.threads(url, signal));
    const places = threads.map(({ path, line, comments }) => ({ path, line, body: comments[0]?.body }));
    expect(places).toEqual(
      expect.arrayContaining([
        { path: "src/a.txt", line: 2, body: expect.stringContaining("why 2?") },
        { path: "src/a.txt", line: 3, body: expect.stringContaining("and this unchanged line") },
        { path: "src/a.txt", line: null, body: expect.stringContaining("no such line") },
      ]),
    );
    const pull = await at.repository.pull(number);
    const all = [...pull.reviews, ...pull.notes, ...pull.threads.flatMap(({ notes }) => notes)];
    const once = (text: string): number => all.filter(({ body }) => body.includes(text)).length;
    for (const { body } of review.comments) expect([body, once(body)]).toEqual([body, 1]);
    expect(once("Two things.")).toBe(1);
  });

  it("posts it once, whichever answer was lost", async () => {
    const at = await world();
    const { url, headSha, number } = await opened(at);
    let failures = 0;
    for (let tries = 0; tries < 12; tries += 1) {
      at.simulator.faults.clear();
      at.simulator.faults.add({ ...posts, fault: { kind: "lose_answer" } });
      const answer = await at.forge.postReview({ url, headSha, ...review }, signal);
      if (answer.kind === "ok") break;
      expect(answer).toMatchObject(lost);
      failures += 1;
    }
    at.simulator.faults.clear();
    expect(failures).toBeGreaterThan(0);
    expect(valueOf(await at.forge.postReview({ url, headSha, ...review }, signal))).toEqual({
      posted: false,
    });
    const pull = await at.repository.pull(number);
    const all = [...pull.reviews, ...pull.notes, ...pull.threads.flatMap(({ notes }) => notes)];
    for (const text of ["Two things.", ...review.comments.map(({ body }) => body)])
      expect([text, all.filter(({ body }) => body.includes(text)).length]).toEqual([text, 1]);
  });

  it("replies to a thread once, and resolves it", async () => {
    const at = await world();
    const { url, number } = await opened(at);
    const thread = await at.repository.thread(number, {
      by: "ann",
      body: "why?",
      path: "src/a.txt",
      line: 2,
    });
    const reply = { url, threadId: thread.id, marker: "effect-2", body: "Because." };
    // GitHub's look is a POST as well, and comes first.
    const write = { method: "POST", path: /graphql|\/notes$/, after: kind === "github" ? 1 : 0 };
    at.simulator.faults.add({ ...write, fault: { kind: "lose_answer" } });
    expect(await at.forge.reply(reply, signal)).toMatchObject(lost);
    expect(valueOf(await at.forge.reply(reply, signal))).toEqual({ posted: false });
    expect(thread.notes.map(({ body }) => body.split("\n")[0])).toEqual(["why?", "Because."]);
    for (let i = 0; i < 2; i += 1)
      expect(valueOf(await at.forge.resolveThread({ url, threadId: thread.id }, signal))).toEqual({
        resolved: true,
      });
    expect(valueOf(await at.forge.threads(url, signal))[0]).toMatchObject({ resolved: true });
  });

  it("writes into no thread of another pull request", async () => {
    const at = await world();
    const first = await opened(at);
    const second = await opened(at, "other");
    const thread = await at.repository.thread(second.number, { by: "ann", body: "why?", path: "src/a.txt" });
    const wrong = { url: first.url, threadId: thread.id };
    const refused = { kind: "http_error", status: 404, transient: false };
    expect(await at.forge.reply({ ...wrong, marker: "m", body: "x" }, signal)).toMatchObject(refused);
    expect(await at.forge.resolveThread(wrong, signal)).toMatchObject(refused);
    const none = { url: first.url, threadId: kind === "github" ? "PRRT_0" : "0" };
    expect(await at.forge.resolveThread(none, signal)).toMatchObject(refused);
    expect(thread.notes).toHaveLength(1);
  });
}
