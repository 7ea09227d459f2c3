/** The agents' endpoint itself: protocol, credential, fencing, which tools there are (spec/api.md §4.1, §8.7). */
import { toolsOf, type Role } from "@gastown/protocol";
import { UnsecuredJWT } from "jose";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import {
  GRACE_MS,
  SESSION_TOKEN_MS,
  signRunnerToken,
  signSessionToken,
  type SessionToken,
} from "../auth/tokens.ts";
import { agentOf } from "../testing/agent.ts";
import { BASE, INSTANCE, TOWN, townsOn, working, type TownHost, type Working } from "../testing/town-host.ts";

const withTown = townsOn(withSql);

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
};
const list = { jsonrpc: "2.0", id: 2, method: "tools/list" };
const status = {
  jsonrpc: "2.0",
  id: 3,
  method: "tools/call",
  params: { name: "gt_status", arguments: { message: "hi" } },
};

const withWorker = (test: (host: TownHost, worker: Working) => Promise<void>): Promise<void> =>
  withTown(async (host) => test(host, await working(host, await host.readyRig())));

function tokenOf(host: TownHost, worker: Working, changes: Partial<SessionToken> = {}): Promise<string> {
  const session = host.actor.read((town) => town.session(worker.sessionId));
  const claims: SessionToken = {
    sessionId: worker.sessionId,
    townId: TOWN,
    rigId: session.rigId,
    agentId: session.agentId,
    role: "polecat",
    epoch: worker.epoch,
    ...changes,
  };
  return signSessionToken(host.ports.keys, claims, host.ports.now());
}

/** What must not change by a call that is not allowed. */
const trace = (host: TownHost): unknown =>
  host.actor.read((town) => [
    town.newestSeq(),
    town.sessions({}).map(({ statusText, state }) => [statusText, state]),
  ]);

describe("the protocol", () => {
  it("initializes, takes notifications and lists tools, in JSON without a session id", () =>
    withWorker(async (host, worker) => {
      const agent = agentOf(host, worker);
      const hello = await agent.rpc(initialize);
      expect(hello.status).toBe(200);
      expect(hello.headers.get("content-type")).toContain("application/json");
      expect(hello.headers.get("mcp-session-id")).toBeNull();
      expect(hello.body.result).toMatchObject({
        protocolVersion: "2025-11-25",
        serverInfo: { name: "gastown" },
        capabilities: { tools: {} },
      });
      expect((await agent.rpc({ jsonrpc: "2.0", method: "notifications/initialized" })).status).toBe(202);
      expect(
        (await agent.rpc({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } }))
          .status,
      ).toBe(202);
      expect((await agent.rpc({ jsonrpc: "2.0", id: 4, method: "ping" })).body.result).toEqual({});
      expect((await agent.rpc({ jsonrpc: "2.0", id: 5, method: "prompts/list" })).body.error?.code).toBe(
        -32601,
      );
    }));

  it("has no stream to open and nothing to end", () =>
    withWorker(async (host, worker) => {
      const agent = agentOf(host, worker);
      const get = await agent.rpc(undefined, { method: "GET" });
      expect(get.status).toBe(405);
      expect(get.headers.get("allow")).toBe("POST, DELETE");
      expect((await agent.rpc(undefined, { method: "DELETE" })).status).toBe(200);
    }));

  it("notices the first list, which is what makes a start ready", () =>
    withWorker(async (host, worker) => {
      expect(host.actor.read((town) => town.hasListedTools(worker.sessionId))).toBe(false);
      const report = host.report(`/sessions/${worker.sessionId}/status`, {
        epoch: worker.epoch,
        phase: "tools",
        wait_ms: 20_000,
      });
      await agentOf(host, worker).list();
      expect((await report).body).toEqual({ ok: true, tools_listed: true });
    }));

  it("says in time that the tools were not listed", () =>
    withWorker(async (host, worker) => {
      const armed = host.ports.clock.armed(20_000);
      const report = host.report(`/sessions/${worker.sessionId}/status`, {
        epoch: worker.epoch,
        phase: "tools",
        wait_ms: 20_000,
      });
      await armed;
      host.ports.clock.advance(20_000);
      expect((await report).body).toEqual({ ok: true, tools_listed: false });
    }));

  it("lists exactly the role's tools, with schemas of their arguments", () =>
    withWorker(async (host, worker) => {
      const tools = await agentOf(host, worker).list();
      expect(tools.map(({ name }) => name)).toEqual(toolsOf("polecat").map(({ name }) => name));
      for (const tool of tools) {
        expect(tool.inputSchema).toMatchObject({ type: "object", additionalProperties: false });
        expect(tool.outputSchema).toMatchObject({ type: "object" });
      }
    }));

  it("hides every other role's tools and names the ones that there are", () =>
    withWorker(async (host, worker) => {
      const agent = agentOf(host, worker);
      const own = new Set(toolsOf("polecat").map(({ name }) => name));
      const roles: Role[] = ["mayor", "refinery"];
      const foreign = roles
        .flatMap((role) => toolsOf(role).map(({ name }) => name))
        .filter((name) => !own.has(name));
      expect(foreign).toContain("gt_sling");
      for (const name of [...foreign, "gt_nothing", "__proto__"]) {
        const answer = await agent.call(name, {});
        expect(answer).toMatchObject({ isError: true, data: { error: { code: "tool_not_available" } } });
        expect(answer.text).toContain("gt_done");
      }
    }));
});

describe("who may call", () => {
  it("needs exactly this session's token", () =>
    withWorker(async (host, worker) => {
      const agent = agentOf(host, worker);
      const runner = await signRunnerToken(
        host.ports.keys,
        { instanceId: INSTANCE, townId: TOWN, epoch: 1 },
        host.ports.now(),
      );
      const key = { kid: "k1", secret: new Uint8Array(32).fill(9) };
      const session = host.actor.read((town) => town.session(worker.sessionId));
      const claims: SessionToken = {
        sessionId: session.id,
        townId: TOWN,
        rigId: session.rigId,
        agentId: session.agentId,
        role: "polecat",
        epoch: worker.epoch,
      };
      const unsigned = new UnsecuredJWT({
        town: TOWN,
        rig: null,
        agent: session.agentId,
        role: "polecat",
        epoch: worker.epoch,
      })
        .setIssuer("gastown")
        .setAudience("gastown:session")
        .setSubject(session.id)
        .setIssuedAt(host.ports.now() / 1000)
        .setExpirationTime(host.ports.now() / 1000 + 60)
        .encode();
      const cases: [token: string, status: number, code: string][] = [
        [runner.token, 401, "token_invalid"],
        [await signSessionToken([key], claims, host.ports.now()), 401, "token_invalid"],
        [unsigned, 401, "token_invalid"],
        ["gtl_local-token-of-the-tests-only", 401, "token_invalid"],
        [
          await tokenOf(host, worker, { sessionId: "sess_00000000000000000000000077" }),
          403,
          "scope_mismatch",
        ],
        [await tokenOf(host, worker, { townId: "town_00000000000000000000000077" }), 403, "scope_mismatch"],
      ];
      const before = trace(host);
      for (const [token, expected, code] of cases) {
        for (const message of [list, status]) {
          const answer = await agent.rpc(message, { token });
          expect(answer).toMatchObject({ status: expected, body: { error: { code } } });
        }
      }
      const none = await host.server.app.request(
        `${BASE}/api/towns/${TOWN}/sessions/${worker.sessionId}/mcp`,
        { method: "POST" },
      );
      expect(none.status).toBe(401);
      expect(trace(host)).toEqual(before);
    }));

  it("never lets a session's token reach the API", () =>
    withWorker(async (host, worker) => {
      const authorization = `Bearer ${worker.token}`;
      for (const path of ["/api/me", `/api/towns/${TOWN}/status`]) {
        expect((await host.ask("GET", path, undefined, { authorization })).body).toMatchObject({
          error: { code: "token_invalid" },
        });
      }
      const beat = await host.ask(
        "POST",
        `/api/towns/${TOWN}/runner/drain`,
        { reason: "host" },
        { authorization },
      );
      expect(beat.status).toBe(401);
    }));

  it("fences an older epoch and another agent, and tells the model so", () =>
    withWorker(async (host, worker) => {
      const agent = agentOf(host, worker);
      const before = trace(host);
      for (const changes of [
        { epoch: worker.epoch - 1 },
        { epoch: worker.epoch + 1 },
        { agentId: "agent_00000000000000000000000077" },
      ]) {
        const token = await tokenOf(host, worker, changes);
        expect(await agent.rpc(list, { token })).toMatchObject({
          status: 409,
          body: { error: { code: "session_fenced" } },
        });
        const call = await agent.rpc(status, { token });
        expect(call.body.result).toMatchObject({
          isError: true,
          content: [
            {
              text: "session_fenced: This session is over and its work is saved. Stop now; nothing you do is kept.",
            },
          ],
        });
      }
      expect(trace(host)).toEqual(before);
      expect(host.ports.recorded.filter(({ event }) => event === "session.fenced_call").length).toBe(6);
    }));

  it("fences a session that has ended", () =>
    withWorker(async (host, worker) => {
      const agent = agentOf(host, worker);
      await host.report(`/sessions/${worker.sessionId}/ended`, {
        epoch: worker.epoch,
        outcome: "failed",
        reason: { code: "crashed", message: "gone" },
        work_ref: null,
        usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
      });
      await host.until((town) => (town.session(worker.sessionId).state === "ended" ? true : undefined));
      const before = trace(host);
      expect((await agent.rpc(list)).status).toBe(409);
      expect(await agent.call("gt_status", { message: "still here" })).toMatchObject({
        isError: true,
        data: { error: { code: "session_fenced" } },
      });
      expect(trace(host)).toEqual(before);
    }));

  it("gives a live session's expired token a day, and an ended one's nothing", () =>
    withWorker(async (host, worker) => {
      const agent = agentOf(host, worker);
      const expired = await signSessionToken(
        host.ports.keys,
        {
          sessionId: worker.sessionId,
          townId: TOWN,
          rigId: null,
          agentId: host.actor.read((town) => town.session(worker.sessionId).agentId),
          role: "polecat",
          epoch: worker.epoch,
        },
        host.ports.now() - SESSION_TOKEN_MS - 3_600_000,
      );
      expect((await agent.rpc(list, { token: expired })).status).toBe(200);
      const old = await signSessionToken(
        host.ports.keys,
        {
          sessionId: worker.sessionId,
          townId: TOWN,
          rigId: null,
          agentId: "agent_x",
          role: "polecat",
          epoch: worker.epoch,
        },
        host.ports.now() - SESSION_TOKEN_MS - GRACE_MS - 60_000,
      );
      expect(await agent.rpc(list, { token: old })).toMatchObject({
        status: 401,
        body: { error: { code: "token_expired" } },
      });
      host.actor.run((town) =>
        town.stopSession(worker.sessionId, "now", "", { kind: "person", id: "u", name: "u" }),
      );
      await host.report(`/sessions/${worker.sessionId}/ended`, {
        epoch: worker.epoch,
        outcome: "stopped",
        reason: { code: "stopped", message: "" },
        work_ref: null,
        usage: { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false },
      });
      await host.until((town) => (town.session(worker.sessionId).state === "ended" ? true : undefined));
      expect(await agent.rpc(status, { token: expired })).toMatchObject({
        status: 401,
        body: { error: { code: "token_expired" } },
      });
    }));
});

describe("arguments", () => {
  it("are strict, and every issue is told at once", () =>
    withWorker(async (host, worker) => {
      const agent = agentOf(host, worker);
      const answer = await agent.call("gt_escalate", { title: "", severity: "huge", nope: 1 });
      expect(answer).toMatchObject({ isError: true, data: { error: { code: "validation_failed" } } });
      for (const word of ["title", "severity", "nope"]) expect(answer.text).toContain(word);
      expect(answer.text).toMatch(/^validation_failed: /);
    }));

  it("are refused above 64 kB and too deep", () =>
    withWorker(async (host, worker) => {
      const agent = agentOf(host, worker);
      const long = await agent.call("gt_escalate", { title: "x", body: "y".repeat(70_000) });
      expect(long).toMatchObject({ isError: true, data: { error: { code: "validation_failed" } } });
      let deep: unknown = {};
      for (let i = 0; i < 50; i++) deep = { deep };
      const params = { name: "gt_checkpoint", arguments: { data: deep } };
      expect((await agent.rpc({ jsonrpc: "2.0", id: 9, method: "tools/call", params })).status).toBe(400);
    }));

  it("of a checkpoint must say something", () =>
    withWorker(async (host, worker) => {
      const agent = agentOf(host, worker);
      expect(await agent.call("gt_checkpoint")).toMatchObject({ isError: true });
      expect(await agent.call("gt_checkpoint", { note: "half done" })).toMatchObject({
        isError: false,
        text: "Checkpoint saved.",
      });
    }));

  it("that are no JSON-RPC are an error of the protocol", () =>
    withWorker(async (host, worker) => {
      const agent = agentOf(host, worker);
      expect((await agent.rpc("{")).status).toBe(400);
      expect((await agent.rpc({ hello: 1 })).status).toBe(400);
    }));
});
