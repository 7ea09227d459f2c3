/** How pull-request effects are carried out through a forge, and what its answers become. */
import type { Forge } from "@gastown/forge";
import type { ForgeError, PullRequest, PullRequestSignals } from "@gastown/protocol";
import type { ClaimedEffect, EffectAnswer, EffectRequest } from "@gastown/town";
import { describe, expect, it } from "vitest";
import { createEffects } from "../index.ts";
import type { RequestOf } from "./context.ts";
import { testPorts } from "../testing/ports.ts";

const TOWN = "town_00000000000000000000000001";
const EFFECT = "eff_00000000000000000000000001";
const HEAD = "a".repeat(40);
const ASKED = { head: HEAD, no: 3, at: 1 };
const COMMIT = "c".repeat(40);
const URL = "https://github.com/acme/app/pull/1";
const place = {
  rig: {
    id: "rig_00000000000000000000000001",
    name: "app",
    git_url: "https://github.com/acme/app.git",
    default_branch: "main",
  },
  forge: "github",
} as const;

const pr: PullRequest = {
  url: URL,
  number: 1,
  state: "open",
  draft: false,
  mergeable: "clean",
  head_sha: HEAD,
  head: "gt/x",
  from_fork: false,
  base: "main",
  title: "x",
  author: "gastown",
  merge_commit: null,
  merged_by: null,
};
const merged: PullRequest = { ...pr, state: "merged", merge_commit: COMMIT, merged_by: "gastown" };
const signals: PullRequestSignals = {
  threads: { state: "known", unresolved: [] },
  checks: {
    state: "known",
    head_sha: HEAD,
    items: [
      { name: "ci", state: "failure", url: null, summary: null },
      { name: "lint", state: "success", url: null, summary: null },
    ],
  },
  approval: { state: "known", decision: "none" },
};
const unavailable: ForgeError = {
  kind: "http_error",
  provider: "github",
  status: 503,
  status_text: "Service Unavailable",
  transient: true,
  retry_after_ms: 7_000,
};
const offline: ForgeError = { ...unavailable, status: null, status_text: "no route", offline: true };
const forbidden: ForgeError = { ...unavailable, status: 403, status_text: "Forbidden", transient: false };

interface Run {
  answer: EffectAnswer;
  calls: { name: string; input: unknown }[];
}

/** Carries one effect out with a forge that answers as given; what it is not given must not be called. */
async function run(
  request: EffectRequest,
  methods: Partial<Forge> | null,
  { signal = new AbortController().signal }: { signal?: AbortSignal } = {},
): Promise<Run> {
  const ports = await testPorts();
  const calls: Run["calls"] = [];
  const forge = new Proxy(methods ?? {}, {
    get(target, name) {
      if (name === "then") return undefined;
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== "function") throw new Error(`${String(name)} was not expected`);
      return (input: unknown, given: AbortSignal): unknown => {
        calls.push({ name: String(name), input });
        return Reflect.apply(method, target, [input, given]);
      };
    },
  }) as Forge;
  const perform = createEffects(methods === null ? ports : { ...ports, forgeFor: () => forge });
  const effect: ClaimedEffect = { id: EFFECT, attempt: 1, deadline: ports.now() + 60_000, request };
  return { answer: await perform(TOWN, effect, signal), calls };
}

const retry = { type: "retry", message: "503 Service Unavailable", counted: true, retryAfterMs: 7_000 };

describe("open_pull_request", () => {
  const request: EffectRequest = {
    kind: "open_pull_request",
    ...place,
    branch: "gt/x",
    target: "main",
    headSha: HEAD,
    title: "x",
    body: "why",
  };
  const open = (value: Awaited<ReturnType<Forge["openPullRequest"]>>) =>
    run(request, { openPullRequest: () => Promise.resolve(value) });

  it("asks the forge of the rig with everything that it needs", async () => {
    const { answer, calls } = await open({ kind: "ok", value: pr });
    expect(calls).toEqual([
      {
        name: "openPullRequest",
        input: { branch: "gt/x", target: "main", headSha: HEAD, title: "x", body: "why" },
      },
    ]);
    expect(answer).toEqual({ type: "forge", answer: { of: "open", result: { kind: "ok", pr } } });
  });

  it("is tried again where that may help, uncounted while offline, and never where it cannot", async () => {
    expect((await open(unavailable)).answer).toEqual(retry);
    expect((await open(offline)).answer).toMatchObject({ type: "retry", counted: false });
    expect((await open(forbidden)).answer).toEqual({
      type: "forge",
      answer: { of: "open", result: forbidden },
    });
  });

  it("asks again what was not understood, but not five times in a row", async () => {
    const broken: ForgeError = {
      kind: "invalid_response",
      provider: "github",
      reason: "json_parse",
      sample_keys: [],
    };
    const times = (count: number, error: ForgeError): ForgeError[] =>
      Array.from({ length: count }, () => error);
    const answers = [...times(4, broken), unavailable, ...times(5, broken)];
    const ports = await testPorts();
    const forge = { openPullRequest: () => Promise.resolve(answers.shift()) } as unknown as Forge;
    const perform = createEffects({ ...ports, forgeFor: () => forge });
    const types: string[] = [];
    for (let attempt = 1; answers.length > 0; attempt += 1) {
      const effect: ClaimedEffect = { id: EFFECT, attempt, deadline: ports.now() + 60_000, request };
      types.push((await perform(TOWN, effect, new AbortController().signal)).type);
    }
    expect(types).toEqual([...Array<string>(9).fill("retry"), "forge"]);
  });

  it("says that there are none where the host has no forges", async () => {
    expect((await run(request, null)).answer).toMatchObject({
      answer: { of: "open", result: { kind: "unsupported" } },
    });
  });
});

describe("poll_pull_request", () => {
  const poll = (wantLogs: boolean): EffectRequest => ({
    kind: "poll_pull_request",
    ...place,
    url: URL,
    asked: ASKED,
    wantLogs,
  });

  it("brings the reading, and the logs of failing checks only where they are wanted", async () => {
    const methods: Partial<Forge> = {
      read: () => Promise.resolve({ outcome: { kind: "ok", pr }, signals }),
      checkLog: () => Promise.resolve({ kind: "ok", value: "boom" }),
    };
    const { answer, calls } = await run(poll(true), methods);
    expect(answer).toMatchObject({
      answer: { of: "poll", asked: ASKED, contained: null, logs: [{ name: "ci", text: "boom" }] },
    });
    expect(calls.map(({ name }) => name)).toEqual(["read", "checkLog"]);
    expect((await run(poll(false), methods)).calls.map(({ name }) => name)).toEqual(["read"]);
  });

  it("asks whether the target has the commit of a merged one; what cannot be told is null", async () => {
    const reading = { outcome: { kind: "ok" as const, pr: merged }, signals: null };
    const read = () => Promise.resolve(reading);
    const contains = (value: boolean) => () => Promise.resolve({ kind: "ok" as const, value });
    const asked = await run(poll(false), { read, contains: contains(true) });
    expect(asked.calls[1]).toEqual({ name: "contains", input: { branch: "main", commit: COMMIT } });
    expect(asked.answer).toMatchObject({ answer: { contained: true } });
    const no = await run(poll(false), { read, contains: contains(false) });
    expect(no.answer).toMatchObject({ answer: { contained: false } });
    const failed = await run(poll(false), { read, contains: () => Promise.resolve(unavailable) });
    expect(failed.answer).toMatchObject({ answer: { contained: null } });
  });

  it("hands every error to the town, which counts them: never a retry of the effect", async () => {
    const { answer } = await run(poll(true), {
      read: () => Promise.resolve({ outcome: unavailable, signals: null }),
    });
    expect(answer).toMatchObject({ type: "forge", answer: { reading: { outcome: unavailable } } });
  });

  it("counts no answer by the deadline as one", async () => {
    const gone = new AbortController();
    const read = (): Promise<never> => {
      gone.abort(new Error("late"));
      return Promise.reject(new Error("late"));
    };
    const { answer } = await run(poll(false), { read }, { signal: gone.signal });
    expect(answer).toMatchObject({
      answer: { reading: { outcome: { kind: "http_error", status: null, transient: true } } },
    });
  });
});

describe("merge_pull_request", () => {
  const request = (method: "merge" | "squash" | "auto"): RequestOf<"merge_pull_request"> => ({
    kind: "merge_pull_request",
    withdrawn: false,
    ...place,
    url: URL,
    headSha: HEAD,
    method,
    title: "x",
    message: "Bead",
  });
  const landing: Partial<Forge> = {
    merge: () => Promise.resolve({ kind: "merged", commit: COMMIT }),
    read: () => Promise.resolve({ outcome: { kind: "ok", pr: merged }, signals: null }),
    contains: () => Promise.resolve({ kind: "ok", value: true }),
  };

  it("is pinned to the head, and counts when the remote was read back", async () => {
    const { answer, calls } = await run(request("squash"), landing);
    expect(calls.map(({ name }) => name)).toEqual(["merge", "read", "contains"]);
    expect(calls[0]?.input).toMatchObject({ headSha: HEAD, method: "squash" });
    expect(answer).toEqual({
      type: "forge",
      answer: { of: "merge", result: { kind: "landed", pr: merged, commit: COMMIT } },
    });
  });

  it("finds what a lost answer merged", async () => {
    const again = { ...landing, merge: () => Promise.resolve({ kind: "already" as const, pr: merged }) };
    expect((await run(request("merge"), again)).answer).toMatchObject({
      answer: { result: { kind: "landed" } },
    });
  });

  it.each<[string, Partial<Forge>]>([
    ["it still shows it open", { read: () => Promise.resolve({ outcome: { kind: "ok", pr }, signals }) }],
    [
      "it names no commit",
      {
        read: () =>
          Promise.resolve({ outcome: { kind: "ok", pr: { ...merged, merge_commit: null } }, signals: null }),
      },
    ],
    ["the target lacks the commit", { contains: () => Promise.resolve({ kind: "ok", value: false }) }],
    ["that cannot be read", { contains: () => Promise.resolve(unavailable) }],
  ])("is asked again while %s", async (_name, methods) => {
    expect((await run(request("merge"), { ...landing, ...methods })).answer).toMatchObject({ type: "retry" });
  });

  it("takes the first method that the repository allows where none is set", async () => {
    const facts = (mergeMethods: ("merge" | "squash" | "rebase")[]): Partial<Forge> => ({
      ...landing,
      repository: () =>
        Promise.resolve({
          kind: "ok",
          value: { defaultBranch: "main", canPush: true, mergeMethods, mergeQueueRequired: false },
        }),
    });
    const used = async (methods: ("merge" | "squash" | "rebase")[]): Promise<unknown> =>
      (await run(request("auto"), facts(methods))).calls.find(({ name }) => name === "merge")?.input;
    expect(await used(["rebase", "squash"])).toMatchObject({ method: "squash" });
    expect(await used(["rebase"])).toMatchObject({ method: "rebase" });
    expect(await used([])).toMatchObject({ method: "merge" });
    const down = { ...landing, repository: () => Promise.resolve(unavailable) };
    expect((await run(request("auto"), down)).answer).toEqual(retry);
  });

  it.each([
    { kind: "head_moved", head: null },
    { kind: "not_mergeable", message: "no" },
    { kind: "method_not_allowed", allowed: ["rebase"] },
    { kind: "queue_required" },
    { kind: "closed" },
  ] as const)("hands $kind to the town", async (result) => {
    const merge = () => Promise.resolve({ ...result, allowed: ["rebase" as const] } as never);
    expect((await run(request("merge"), { merge })).answer).toMatchObject({
      type: "forge",
      answer: { of: "merge", result: { kind: result.kind } },
    });
  });

  it.each<[string, Awaited<ReturnType<Forge["read"]>>, Record<string, unknown>]>([
    ["is open", { outcome: { kind: "ok", pr }, signals }, { answer: { result: { kind: "withdrawn" } } }],
    [
      "was merged by a try whose answer was lost",
      { outcome: { kind: "ok", pr: merged }, signals: null },
      { answer: { result: { kind: "landed" } } },
    ],
    ["cannot be read now", { outcome: unavailable, signals: null }, retry],
    ["may not be read", { outcome: forbidden, signals: null }, { answer: { result: { kind: "withdrawn" } } }],
  ])("that is withdrawn merges nothing: it %s", async (_name, reading, expected) => {
    const { answer, calls } = await run(
      { ...request("merge"), withdrawn: true },
      { read: () => Promise.resolve(reading), contains: () => Promise.resolve({ kind: "ok", value: true }) },
    );
    expect(answer).toMatchObject(expected);
    expect(calls.map(({ name }) => name)).not.toContain("merge");
  });

  it("is tried again while the forge has trouble", async () => {
    const merge = () => Promise.resolve(unavailable);
    expect((await run(request("merge"), { merge })).answer).toEqual(retry);
  });
});

describe("post_review", () => {
  const request: EffectRequest = {
    kind: "post_review",
    ...place,
    url: URL,
    headSha: HEAD,
    body: "Two things.",
    comments: [{ path: "a.ts", line: 3, body: "rename" }],
  };

  it("marks the review by the effect, so that a repeat posts nothing", async () => {
    const { answer, calls } = await run(request, {
      postReview: () => Promise.resolve({ kind: "ok", value: { posted: true } }),
    });
    expect(calls[0]?.input).toMatchObject({ marker: EFFECT, body: "Two things." });
    expect(answer).toEqual({ type: "forge", answer: { of: "review", problem: null } });
  });

  it("says why it could not be posted for good", async () => {
    const { answer } = await run(request, { postReview: () => Promise.resolve(forbidden) });
    expect(answer).toEqual({ type: "forge", answer: { of: "review", problem: "http_error" } });
    expect((await run(request, { postReview: () => Promise.resolve(unavailable) })).answer).toEqual(retry);
  });
});
