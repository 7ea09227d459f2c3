import { startRequest } from "@gastown/protocol";
import type { ClaimedEffect, EffectAnswer, EffectRequest, LaunchPlan } from "@gastown/town";
import { describe, expect, it } from "vitest";
import { verifySessionToken } from "../auth/tokens.ts";
import { createEffects } from "../index.ts";
import { testPorts, type TestPorts } from "../testing/ports.ts";
import { primeOf } from "../testing/prime.ts";

const TOWN = "town_00000000000000000000000001";
const SESSION = "sess_00000000000000000000000001";
const EFFECT = "eff_00000000000000000000000001";
const rig = {
  id: "rig_00000000000000000000000001",
  name: "web",
  git_url: "https://git.example/web.git",
  default_branch: "main",
};
const address = { url: "http://127.0.0.1:9", bearer: "secret", instanceId: "run_00000000000000000000000001" };

const prime = primeOf();
const plan: LaunchPlan = {
  session_id: SESSION,
  epoch: 4,
  agent: prime.agent,
  role: "polecat",
  rig,
  checkouts: [],
  bead: { id: "bead_00000000000000000000000001", title: "Add a search box" },
  runtime: "scripted",
  model: null,
  small_model: null,
  branch: prime.branch,
  start_point: "refs/heads/main",
  target: "main",
  start_head: null,
  allow_rewrite: false,
  author: { name: "Toast", email: "agent@gastown.invalid" },
  coauthor: null,
  settings: {
    config_version: 1,
    env: {},
    permission: "allow_in_worktree",
    setup: [],
    sessions_per_process: 8,
    process_idle_minutes: 5,
    process_memory_mb: 2_048,
    turn_idle_minutes: 2,
  },
  resume: false,
  resume_from: null,
  prime,
  instructions: "",
  peers: [],
  recap: [],
};

interface Seen {
  url: string;
  method: string;
  authorization: string | null;
  body: unknown;
}
type Reply = () => Response | Promise<Response>;
const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Reply =>
  () =>
    new Response(JSON.stringify(body), { status, headers });
const refusal = (status: number, code: string, headers?: Record<string, string>): Reply =>
  json(status, { error: { code, message: `${code}.` } }, headers);

interface Run {
  answer: EffectAnswer;
  seen: Seen[];
  ports: TestPorts;
}

async function run(
  request: EffectRequest,
  reply: Reply,
  options: { runner?: boolean; signal?: AbortSignal } = {},
): Promise<Run> {
  const ports = await testPorts();
  const seen: Seen[] = [];
  const fetcher = async (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    seen.push({
      url: new Request(input).url,
      method: init.method ?? "GET",
      authorization: headers.get("authorization"),
      body,
    });
    if (init.signal?.aborted) throw new Error("aborted");
    return reply();
  };
  ports.runner.address = options.runner === false ? null : address;
  const perform = createEffects({ ...ports, fetch: fetcher });
  const effect: ClaimedEffect = { id: EFFECT, attempt: 1, deadline: ports.now() + 60_000, request };
  const answer = await perform(TOWN, effect, options.signal ?? new AbortController().signal);
  return { answer, seen, ports };
}

const start: EffectRequest = { kind: "start_session", plan };
const setup: EffectRequest = { kind: "setup_rig", body: { effect_id: EFFECT, attempt: 1, rig } };
const refused = (code: string): unknown => ({ type: "refused", reason: { code, message: `${code}.` } });

describe("start_session", () => {
  it("asks with prompt, role and this session's own tools", async () => {
    const { answer, seen, ports } = await run(start, json(202, {}));
    expect(answer).toEqual({ type: "done" });
    expect(seen[0]).toMatchObject({
      url: `${address.url}/agents/start`,
      method: "POST",
      authorization: "Bearer secret",
    });
    const body = startRequest.parse(seen[0]?.body);
    expect(body.prompt).toContain("Add a search box");
    expect(body.prompt).toContain("You are Toast, polecat in rig web.");
    expect(body.system).toContain("You are a polecat");
    expect(body.mcp).toMatchObject({
      name: "gastown",
      url: `${ports.publicUrl}/api/towns/${TOWN}/sessions/${SESSION}/mcp`,
    });
    const { claims } = await verifySessionToken(ports.keys, body.mcp.token, ports.now());
    expect(claims).toEqual({
      sessionId: SESSION,
      townId: TOWN,
      rigId: rig.id,
      agentId: prime.agent.id,
      role: "polecat",
      epoch: 4,
    });
  });

  it("lets a mayor wait for its first message", async () => {
    const mayor: LaunchPlan = {
      ...plan,
      role: "mayor",
      rig: null,
      bead: null,
      prime: primeOf({ role: "mayor" }),
    };
    const { seen } = await run({ kind: "start_session", plan: mayor }, json(202, {}));
    expect(startRequest.parse(seen[0]?.body).prompt).toBeNull();
  });

  it.each([
    [422, "runtime_missing"],
    [503, "draining"],
    [503, "at_capacity"],
    [503, "model_unavailable"],
  ])("takes %i %s as a refusal with that reason", async (status, code) => {
    expect((await run(start, refusal(status, code))).answer).toEqual({
      type: "refused",
      reason: { code, phase: "process", message: `${code}.`, action: expect.stringContaining("by itself") },
    });
  });

  it("passes on until when a model is not there, and what a person can do", async () => {
    const details = { until: 1_790_000_100_000, action: "Choose another model." };
    const error = { code: "model_unavailable", message: "over quota", details };
    expect((await run(start, json(503, { error }))).answer).toEqual({
      type: "refused",
      reason: { code: "model_unavailable", phase: "process", message: "over quota", ...details },
    });
  });

  // The race: the effect is claimed, its runner registers and raises every epoch, the start arrives with
  // the old one. Taken for a refusal it cost the first mayor of a fresh town half a minute.
  it("is tried again, uncounted, when a runner that registered meanwhile fences its plan", async () => {
    expect((await run(start, refusal(409, "session_fenced"))).answer).toMatchObject({
      type: "retry",
      counted: false,
    });
  });

  it("does not know what became of it when the connection breaks or nobody understands the answer", async () => {
    for (const reply of [
      () => Promise.reject(new TypeError("fetch failed")),
      json(500, { error: { code: "internal", message: "x" } }),
      json(418, "teapot"),
    ]) {
      expect((await run(start, reply)).answer).toMatchObject({ type: "retry", counted: true });
    }
  });

  it("counts nothing where nobody listens or no runner comes up", async () => {
    const nobody = (): Promise<Response> =>
      Promise.reject(
        new TypeError("fetch failed", {
          cause: Object.assign(new Error("refused"), { code: "ECONNREFUSED" }),
        }),
      );
    expect((await run(start, nobody)).answer).toMatchObject({ type: "retry", counted: false });
    const none = await run(start, json(202, {}), { runner: false });
    expect(none.answer).toMatchObject({ type: "retry", counted: false });
    expect(none.seen).toEqual([]);
  });

  it("ends at its deadline without knowing", async () => {
    const { answer } = await run(start, json(202, {}), { signal: AbortSignal.abort() });
    expect(answer).toEqual({ type: "retry", message: "The runner did not answer in time.", counted: true });
  });
});

describe("work that is answered by callback", () => {
  const settle: EffectRequest = {
    kind: "settle_session",
    sessionId: SESSION,
    body: { settle_id: "settle_00000000000000000000000001", epoch: 4, no_changes: false, message: "Add it" },
  };
  const effect = { effect_id: EFFECT, attempt: 1, rig };
  const cases: [EffectRequest, string][] = [
    [setup, "/repos/setup"],
    [settle, `/agents/${SESSION}/settle`],
    [
      {
        kind: "branch",
        body: { ...effect, operation: "create", branch: "b", from: "main", expected_head: null },
      },
      "/git/branch",
    ],
    [
      { kind: "run_gates", body: { ...effect, head_sha: "a".repeat(40), gates: [], env: {}, setup: [] } },
      "/gates/run",
    ],
    [
      {
        kind: "merge",
        body: {
          ...effect,
          branch: "b",
          reviewed_sha: "a".repeat(40),
          target: "main",
          method: "merge",
          message: { subject: "s", body: "" },
          author: plan.author,
          gates: [],
          env: {},
          setup: [],
        },
      },
      "/git/merge",
    ],
  ];

  it("hands on the head that a settle has committed, so that it can be found again", async () => {
    const head = "b".repeat(40);
    const told = await run(settle, json(202, { accepted: true, head_sha: head }));
    expect(told.answer).toEqual({ type: "accepted", headSha: head });
    const later = await run(settle, json(202, { accepted: true, head_sha: null }));
    expect(later.answer).toEqual({ type: "accepted" });
  });

  it.each(cases)("sends $kind as it is", async (request, path) => {
    const { answer, seen } = await run(request, json(202, { accepted: true }));
    expect(answer).toEqual({ type: "accepted" });
    expect(seen).toMatchObject([
      { method: "POST", url: `${address.url}${path}`, body: "body" in request ? request.body : null },
    ]);
  });

  it("is dead when refused, and tried again when there is no room", async () => {
    expect((await run(setup, refusal(422, "repository_unusable"))).answer).toEqual(
      refused("repository_unusable"),
    );
    expect((await run(setup, refusal(503, "draining", { "retry-after": "7" }))).answer).toEqual({
      type: "retry",
      message: "draining.",
      counted: false,
      retryAfterMs: 7_000,
    });
    expect((await run(setup, refusal(500, "internal"))).answer).toMatchObject({
      type: "retry",
      counted: true,
    });
  });

  // The race: a newer runner has registered, and the call still went to the one before it.
  it("is tried again, uncounted, where the runner has another life of its session", async () => {
    const { answer } = await run(settle, refusal(409, "session_fenced"));
    expect(answer).toEqual({ type: "retry", message: "session_fenced.", counted: false });
  });
});

describe("what is done when the runner says so, or knows nothing of it", () => {
  const stop: EffectRequest = { kind: "stop_session", sessionId: SESSION, epoch: 4, mode: "now" };
  const withdraw: EffectRequest = { kind: "withdraw_merge", effectId: EFFECT };
  const message: EffectRequest = {
    kind: "message_session",
    sessionId: SESSION,
    epoch: 4,
    messageId: "msg_1",
    text: "hi",
    mode: "when_idle",
    from: "you",
    contexts: [],
    rig: null,
    interrupted: null,
  };

  it("a stop", async () => {
    for (const reply of [json(202, {}), refusal(404, "not_found"), refusal(409, "session_fenced")]) {
      const { answer, seen } = await run(stop, reply);
      expect(answer).toEqual({ type: "done" });
      expect(seen).toMatchObject([
        { url: `${address.url}/agents/${SESSION}/stop`, body: { epoch: 4, mode: "now" } },
      ]);
    }
    expect((await run(stop, json(202, {}), { runner: false })).answer).toMatchObject({
      type: "retry",
      counted: false,
    });
  });

  it("a question for a session, which is there, or is not, or nobody can say", async () => {
    const check: EffectRequest = { kind: "check_session", sessionId: SESSION, epoch: 4 };
    const { answer, seen } = await run(check, json(200, { epoch: 4, state: "busy" }));
    expect(answer).toEqual({ type: "done" });
    expect(seen).toMatchObject([{ method: "GET", url: `${address.url}/agents/${SESSION}/status` }]);
    for (const reply of [
      refusal(404, "not_found"),
      json(200, { epoch: 3, state: "busy" }),
      json(200, { epoch: 4, state: "gone" }),
    ])
      expect((await run(check, reply)).answer).toMatchObject({
        type: "refused",
        reason: { code: "session_unknown" },
      });
    for (const reply of [refusal(500, "internal"), json(200, "teapot")])
      expect((await run(check, reply)).answer).toMatchObject({ type: "retry", counted: true });
    expect((await run(check, json(200, {}), { runner: false })).answer).toMatchObject({
      type: "retry",
      counted: false,
    });
  });

  it("a withdrawal, also when it comes too late", async () => {
    for (const reply of [json(202, {}), refusal(404, "not_found"), refusal(409, "invalid_transition")]) {
      const { answer, seen } = await run(withdraw, reply);
      expect(answer).toEqual({ type: "done" });
      expect(seen).toMatchObject([{ method: "DELETE", url: `${address.url}/effects/${EFFECT}` }]);
    }
  });

  it("a message, but not to a session that is gone", async () => {
    expect((await run(message, json(202, {}))).answer).toEqual({ type: "done" });
    expect((await run(message, refusal(404, "not_found"))).answer).toEqual(refused("not_found"));
  });

  it("the end of a turn, which is no failure where no turn runs", async () => {
    const interrupt: EffectRequest = { kind: "interrupt_session", sessionId: SESSION, epoch: 4 };
    const { answer, seen } = await run(interrupt, json(202, {}));
    expect(answer).toEqual({ type: "done" });
    expect(seen).toMatchObject([{ url: `${address.url}/agents/${SESSION}/interrupt`, body: { epoch: 4 } }]);
    expect((await run(interrupt, refusal(404, "not_found"))).answer).toEqual({ type: "done" });
    expect((await run(interrupt, refusal(400, "validation_failed"))).answer).toEqual(
      refused("validation_failed"),
    );
  });

  it("a runner's beginning and end", async () => {
    expect((await run({ kind: "ensure_runner" }, json(200, {}))).answer).toEqual({ type: "done" });
    expect((await run({ kind: "ensure_runner" }, json(200, {}), { runner: false })).answer).toMatchObject({
      type: "retry",
      counted: true,
    });
    const { answer, ports } = await run({ kind: "stop_runner" }, json(200, {}));
    expect(answer).toEqual({ type: "done" });
    expect(ports.runner.address).toBeNull();
  });
});
