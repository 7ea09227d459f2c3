/** The table of spec/review.md §4.1 by a real answer for each row, on both forges. */
import type { PullRequestOutcome, PullRequestSignals } from "@gastown/protocol";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Fault, ForgeSimulator } from "../simulator/index.ts";
import { type Kind, opened, signal, startForgeSimulator, valueOf, type World, worldOf } from "./world.ts";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let simulator: ForgeSimulator;
beforeAll(async () => {
  simulator = await startForgeSimulator();
});
afterAll(() => simulator.close());
beforeEach(() => simulator.faults.clear());

const status = (code: number, headers?: Record<string, string>): Fault => ({
  kind: "status",
  status: code,
  ...(headers === undefined ? {} : { headers }),
});
const http = { kind: "http_error" };

const TABLE: [name: string, fault: Fault, expected: object][] = [
  ["400", status(400), { ...http, status: 400, transient: false }],
  ["401", status(401), { ...http, status: 401, transient: false }],
  ["403", status(403), { ...http, status: 403, transient: false }],
  ["404", status(404), { ...http, status: 404, transient: false }],
  [
    "429",
    status(429, { "retry-after": "30" }),
    { ...http, status: 429, transient: true, retry_after_ms: 30_000 },
  ],
  [
    "403 with its wait",
    status(403, { "retry-after": "5" }),
    { ...http, transient: true, retry_after_ms: 5000 },
  ],
  [
    "secondary limit",
    { kind: "secondary_limit" },
    { ...http, status: 403, transient: true, retry_after_ms: 60_000 },
  ],
  ["500", status(500), { ...http, status: 500, transient: true }],
  [
    "502 of a proxy",
    { kind: "status", status: 502, body: "<html>" },
    { ...http, status: 502, transient: true },
  ],
  ["a cut connection", { kind: "drop" }, { ...http, status: null, transient: true }],
  [
    "truncated JSON",
    { kind: "truncate" },
    { kind: "invalid_response", reason: "json_parse", sample_keys: [] },
  ],
  ["a page in its place", { kind: "malformed" }, { kind: "invalid_response", reason: "json_parse" }],
  [
    "another shape",
    { kind: "rewrite", change: () => ({ a: "secret", b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8, i: 9 }) },
    {
      kind: "invalid_response",
      reason: "schema_mismatch",
      sample_keys: ["a", "b", "c", "d", "e", "f", "g", "h"],
    },
  ],
  [
    "an unknown state",
    { kind: "rewrite", change: (body) => ({ ...(body as object), state: "astonished" }) },
    { kind: "invalid_response", reason: "schema_mismatch" },
  ],
];

describe.each(["github", "gitlab"] as const)("%s", (kind: Kind) => {
  const main = kind === "github" ? /\/pulls\/1$/ : /\/merge_requests\/1$/;

  async function reading(
    at: World,
    url: string,
  ): Promise<{ outcome: PullRequestOutcome; signals: PullRequestSignals | null }> {
    const read = await at.forge.read(url, signal);
    if (!("outcome" in read)) throw new Error(read.what);
    return read;
  }

  it.each(TABLE)("the pull request: %s", async (_name, fault, expected) => {
    const at = await worldOf(kind, simulator);
    const { url } = await opened(at);
    simulator.faults.add({ path: main, fault });
    const before = simulator.requests.length;
    const { outcome, signals } = await reading(at, url);
    expect(outcome).toMatchObject({ provider: kind, ...expected });
    expect(signals).toBeNull();
    expect(JSON.stringify(outcome)).not.toContain("secret");
    // Asked once: repeats are the town's to count.
    expect(simulator.requests.slice(before)).toHaveLength(1);
    expect((await reading(at, url)).outcome).toMatchObject({ kind: "ok" });
  });

  it("counts a slow answer as lost once its time is up", async () => {
    const at = await worldOf(kind, simulator);
    const { url } = await opened(at);
    // Only this reading is hurried: everything else may take what a loaded machine needs.
    const hurried = at.hurried(500);
    simulator.faults.add({ path: main, fault: { kind: "slow", until: new Promise(() => {}) } });
    const read = await hurried.read(url, signal);
    const late = {
      kind: "http_error",
      provider: kind,
      status: null,
      status_text: "timeout",
      transient: true,
    };
    expect(read).toEqual({ outcome: late, signals: null });
  });

  const parts: [signal: "threads" | "checks" | "approval", path: RegExp][] =
    kind === "github"
      ? [
          ["checks", /check-runs/],
          ["checks", /\/status\?/],
        ]
      : [
          ["threads", /discussions/],
          ["checks", /statuses/],
          ["approval", /approvals/],
          ["approval", /reviewers/],
        ];
  const spoils: Fault[] = [
    status(500),
    { kind: "drop" },
    { kind: "truncate" },
    { kind: "rewrite", change: () => ({}) },
  ];

  it.each(parts)("a part that fails makes %s unknown, and no other", async (part, path) => {
    const at = await worldOf(kind, simulator);
    const { url } = await opened(at);
    for (const fault of spoils) {
      simulator.faults.clear();
      simulator.faults.add({ path, fault });
      const { outcome, signals } = await reading(at, url);
      expect(outcome.kind).toBe("ok");
      const states = Object.entries(signals ?? {}).map(([name, { state }]) => [name, state]);
      expect(states).toEqual(
        ["threads", "checks", "approval"].map((name) => [name, name === part ? "unknown" : "known"]),
      );
    }
  });

  it("waits for the end of a used-up limit", async () => {
    const at = await worldOf(kind, simulator);
    const { url } = await opened(at);
    const token = simulator.token("town");
    simulator.limit(token, 0);
    at.use(token);
    const { outcome } = await reading(at, url);
    expect(outcome).toMatchObject({
      kind: "http_error",
      status: kind === "github" ? 403 : 429,
      transient: true,
    });
    const wait = outcome.kind === "http_error" ? (outcome.retry_after_ms ?? 0) : 0;
    expect(wait).toBeGreaterThan(59 * 60_000);
    expect(wait).toBeLessThanOrEqual(61 * 60_000);
    simulator.clock.advance(61 * 60_000);
    simulator.limit(token, 100);
    expect((await reading(at, url)).outcome).toMatchObject({ kind: "ok" });
  });

  it("gets through, and does all once, while a fifth of all requests fails", async () => {
    const at = await worldOf(kind, simulator);
    const headSha = await at.repository.commit("work", { "src/a.txt": "one\n2\nthree\n" });
    simulator.faults.share(0.2, 7);
    async function insist<T extends { kind: string }>(ask: () => Promise<T>): Promise<T> {
      for (let i = 0; i < 60; i += 1) {
        const answer = await ask();
        if (!["http_error", "invalid_response"].includes(answer.kind)) return answer;
      }
      throw new Error("60 failures in a row");
    }
    const input = { branch: "work", target: "main", headSha, title: "Work", body: "" };
    const { url, number } = valueOf(await insist(() => at.forge.openPullRequest(input, signal)));
    const review = {
      url,
      headSha,
      marker: "r1",
      body: "Look",
      comments: [{ path: "src/a.txt", line: 2, body: "here" }],
    };
    await insist(() => at.forge.postReview(review, signal));
    const [thread] = valueOf(await insist(() => at.forge.threads(url, signal)));
    const threadId = thread?.id ?? "";
    await insist(() => at.forge.reply({ url, threadId, marker: "r2", body: "done" }, signal));
    await insist(() => at.forge.resolveThread({ url, threadId }, signal));
    const how = { method: "merge", title: "Merge", message: "" } as const;
    const merged = await insist(() => at.forge.merge({ url, headSha, ...how }, signal));
    expect(["merged", "already"]).toContain(merged.kind);
    simulator.faults.clear();
    const pulls = await at.repository.pulls();
    expect(pulls).toHaveLength(1);
    const pull = await at.repository.pull(number);
    expect(pull.state).toBe("merged");
    const said = [...pull.reviews, ...pull.notes, ...pull.threads.flatMap(({ notes }) => notes)];
    for (const text of ["Look", "here", "done"])
      expect(said.filter(({ body }) => body.startsWith(text))).toHaveLength(1);
  });
});
