/** What a runner tells its town: registered, renewed, doubled, late and fenced (spec/api.md §3.16, §8.14). */
import { heartbeatAnswer, registerAnswer } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { withSql } from "#host";
import {
  GRACE_MS,
  RUNNER_TOKEN_MS,
  SESSION_TOKEN_MS,
  signRunnerToken,
  verifyRunnerToken,
  verifySessionToken,
} from "../auth/tokens.ts";
import {
  INSTANCE,
  TOWN,
  townsOn,
  working,
  type Answer,
  type TownHost,
  type Working,
} from "../testing/town-host.ts";

const withTown = townsOn(withSql);

const T = `/api/towns/${TOWN}`;
const NEWER = "run_00000000000000000000000002";
const usage = { tokens_in: 0, tokens_out: 0, usd: 0, usd_known: false };

const beatOf = (worker?: Working, instanceId = INSTANCE) => ({
  instance_id: instanceId,
  draining: false,
  sessions:
    worker === undefined
      ? []
      : [
          {
            session_id: worker.sessionId,
            epoch: worker.epoch,
            state: "busy",
            last_event_at: null,
            active_tools: [],
            prompted: true,
            usage,
          },
        ],
});
const beat = (host: TownHost, worker?: Working): Promise<Answer> =>
  host.report("/runner/heartbeat", beatOf(worker));
const codeOf = (answer: Answer): unknown => (answer.body["error"] as { code?: string } | undefined)?.code;

describe("registration", () => {
  it("takes a boot secret from one instance, again when its answer was lost, and gives a token of a new epoch", () =>
    withTown(async (host) => {
      const body = {
        instance_id: INSTANCE,
        version: "0",
        control: { url: "http://127.0.0.1:9", bearer: "b" },
      };
      const register = (authorization: Record<string, string>) =>
        host.ask("POST", `${T}/runner/register`, body, authorization);
      expect(codeOf(await register({}))).toBe("unauthenticated");
      expect(codeOf(await register({ authorization: "Bearer wrong" }))).toBe("token_invalid");
      const first = await register({ authorization: "Bearer boot-secret" });
      const answer = registerAnswer.parse(first.body);
      expect(answer).toMatchObject({ epoch: 1, heartbeat_seconds: 30, desired: [] });
      expect(Date.parse(answer.expires_at)).toBe(host.ports.now() + RUNNER_TOKEN_MS);
      const { claims } = await verifyRunnerToken(host.ports.keys, answer.token, host.ports.now());
      expect(claims).toEqual({ instanceId: INSTANCE, townId: TOWN, epoch: 1 });
      expect(host.ports.runner.address).toEqual({
        url: "http://127.0.0.1:9",
        bearer: "b",
        instanceId: INSTANCE,
      });
      const again = await register({ authorization: "Bearer boot-secret" });
      expect(registerAnswer.parse(again.body)).toMatchObject({ epoch: 1 });
      const other = { ...body, instance_id: NEWER };
      const stolen = host.ask("POST", `${T}/runner/register`, other, { authorization: "Bearer boot-secret" });
      expect(codeOf(await stolen)).toBe("token_invalid");
    }));

  it("of a newer instance gives it the live sessions with new tokens, and fences the older one", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const older = host.runnerToken;
      host.ports.bootSecret.usedBy = null;
      const body = { instance_id: NEWER, version: "0", control: { url: "http://127.0.0.1:10", bearer: "c" } };
      const answer = registerAnswer.parse(
        (await host.ask("POST", `${T}/runner/register`, body, { authorization: "Bearer boot-secret" })).body,
      );
      expect(answer).toMatchObject({
        desired: [{ session_id: worker.sessionId, resume: true, role: "polecat" }],
      });
      const [desired] = answer.desired;
      expect(desired?.epoch).toBeGreaterThan(worker.epoch);
      const { claims } = await verifySessionToken(
        host.ports.keys,
        desired?.mcp.token ?? "",
        host.ports.now(),
      );
      expect(claims).toMatchObject({ sessionId: worker.sessionId, epoch: desired?.epoch });

      const before = host.actor.read((town) => town.newestSeq());
      host.runnerToken = older;
      for (const [path, sent] of [
        ["/runner/heartbeat", beatOf(worker)],
        ["/runner/drain", { reason: "sigterm" }],
        ["/runner/events", { batches: [] }],
        [`/sessions/${worker.sessionId}/status`, { epoch: worker.epoch, phase: "process" }],
      ] as const) {
        expect(codeOf(await host.report(path, sent))).toBe("runner_fenced");
      }
      expect(host.actor.read((town) => town.newestSeq())).toBe(before);
    }));

  it("of another town's runner is refused everywhere", () =>
    withTown(async (host) => {
      await host.register();
      const { token } = await signRunnerToken(
        host.ports.keys,
        { instanceId: INSTANCE, townId: "town_00000000000000000000000077", epoch: 1 },
        host.ports.now(),
      );
      host.runnerToken = token;
      expect(codeOf(await beat(host))).toBe("scope_mismatch");
      host.runnerToken = "gtl_local-token-of-the-tests-only";
      expect(codeOf(await beat(host))).toBe("token_invalid");
    }));
});

describe("the heartbeat", () => {
  it("answers for every session, and saves what is unknown or fenced", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const answer = await host.report("/runner/heartbeat", {
        ...beatOf(worker),
        sessions: [
          ...beatOf(worker).sessions,
          { ...beatOf(worker).sessions[0], session_id: "sess_00000000000000000000000077" },
        ],
      });
      expect(heartbeatAnswer.parse(answer.body)).toEqual({
        sessions: [
          { session_id: worker.sessionId, verdict: "ok" },
          { session_id: "sess_00000000000000000000000077", verdict: "unknown" },
        ],
        config_version: expect.any(Number),
      });
      const late = await host.report("/runner/heartbeat", {
        ...beatOf(worker),
        sessions: [{ ...beatOf(worker).sessions[0], epoch: worker.epoch - 1 || 1 }],
      });
      expect(late.status).toBe(200);
    }));

  it("belongs to the instance of its token", () =>
    withTown(async (host) => {
      await host.register();
      expect(codeOf(await host.report("/runner/heartbeat", beatOf(undefined, NEWER)))).toBe("scope_mismatch");
    }));

  it("renews the runner's token below half of its life, and takes an expired one for a day more", () =>
    withTown(async (host) => {
      await host.register();
      expect((await beat(host)).body).toEqual({ sessions: [], config_version: expect.any(Number) });
      host.ports.clock.time += RUNNER_TOKEN_MS / 2 + 1_000;
      const renewed = (await beat(host)).body;
      expect(renewed["token"]).toEqual(expect.any(String));
      expect(Date.parse(String(renewed["expires_at"]))).toBe(host.ports.now() + RUNNER_TOKEN_MS);
      host.ports.clock.time += RUNNER_TOKEN_MS / 2 + 60_000;
      expect((await beat(host)).status).toBe(200);
      expect(codeOf(await host.report("/runner/drain", { reason: "host" }))).toBe("token_expired");
      host.ports.clock.time += GRACE_MS;
      expect(codeOf(await beat(host))).toBe("token_expired");
    }));

  it("renews a session's token at once where keys were rotated and an earlier host had signed it", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const tokenNow = async (): Promise<unknown> =>
        heartbeatAnswer.parse((await beat(host, worker)).body).sessions[0]?.token;
      host.ports.startedAt = host.ports.now() + 1;
      expect(await tokenNow()).toBeUndefined();
      const fresh = { kid: "rotated", secret: new Uint8Array(32).fill(7) };
      host.ports.keys = [fresh, ...host.ports.keys];
      const token = await tokenNow();
      const { claims } = await verifySessionToken([fresh], String(token), host.ports.now());
      expect(claims).toMatchObject({ sessionId: worker.sessionId, epoch: worker.epoch });
      expect(await tokenNow()).toBeUndefined();
    }));

  it("renews a session's token once at half of its life", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const tokenNow = async (): Promise<unknown> =>
        heartbeatAnswer.parse((await beat(host, worker)).body).sessions[0]?.token;
      expect(await tokenNow()).toBeUndefined();
      host.ports.clock.time += SESSION_TOKEN_MS / 2;
      const token = await tokenNow();
      const { claims } = await verifySessionToken(host.ports.keys, String(token), host.ports.now());
      expect(claims).toMatchObject({ sessionId: worker.sessionId, epoch: worker.epoch, role: "polecat" });
      expect(await tokenNow()).toBeUndefined();
    }));
});

describe("facts", () => {
  const ended = (worker: Working, changes: object = {}) => ({
    epoch: worker.epoch,
    outcome: "failed",
    reason: { code: "crashed", message: "exit 1" },
    work_ref: "refs/gastown/wip/x",
    usage,
    ...changes,
  });

  it("that arrive twice count once", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const path = `/sessions/${worker.sessionId}/ended`;
      const answers = await Promise.all([host.report(path, ended(worker)), host.report(path, ended(worker))]);
      expect(answers.map(({ body }) => body)).toEqual([{ recorded: true }, { recorded: true }]);
      await host.until((town) => (town.session(worker.sessionId).state === "ended" ? true : undefined));
      expect(host.actor.read((town) => town.bead(worker.beadId).runFailures)).toBe(1);
    }));

  it("of an unknown session are not found, and of a missing head refused", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      expect(
        codeOf(await host.report("/sessions/sess_00000000000000000000000077/ended", ended(worker))),
      ).toBe("not_found");
      const settle = {
        epoch: worker.epoch,
        settle_id: "settle_00000000000000000000000001",
        result: "pushed",
        branch: "b",
        base_sha: null,
        head_sha: null,
        commits: 1,
        additions: 0,
        deletions: 0,
        committed_dirty: false,
        error: null,
      };
      expect(codeOf(await host.report(`/sessions/${worker.sessionId}/settle`, settle))).toBe(
        "validation_failed",
      );
    }));

  it("of a turn and of an effect's end are taken", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const turn = {
        epoch: worker.epoch,
        ended_at: host.ports.now(),
        stop_reason: "end_turn",
        message_id: null,
      };
      expect((await host.report(`/sessions/${worker.sessionId}/turn`, turn)).body).toEqual({
        recorded: true,
      });
      const settle = { attempt: 1, result: { outcome: "withdrawn" } };
      expect(
        (await host.report("/runner/effects/eff_00000000000000000000000077/settle", settle)).status,
      ).toBe(200);
    }));

  it("of a drain stop every start until a newer instance registers", () =>
    withTown(async (host) => {
      const rigId = await host.readyRig();
      expect((await host.report("/runner/drain", { reason: "sigterm" })).body).toEqual({
        acknowledged: true,
      });
      await host.until((town) => (town.status().runner.draining ? true : undefined));
      const made = await host.ask<{ bead: { id: string } }>("POST", `${T}/rigs/${rigId}/sling`, {
        title: "later",
      });
      const waits = await host.until((town) => town.bead(made.body.bead.id).waitingOn);
      expect(waits.code).toBe("draining");
      expect((await host.report("/runner/drained", { sessions: [] })).body).toEqual({ acknowledged: true });
    }));
});

describe("transcripts", () => {
  const item = (seq: number) => ({ seq, at: 1, type: "notice", data: { text: `n${seq}` } });

  it("are kept in order, once, and read from a cursor", () =>
    withTown(async (host) => {
      const worker = await working(host, await host.readyRig());
      const send = (items: unknown[], epoch = worker.epoch) =>
        host.report("/runner/events", { batches: [{ session_id: worker.sessionId, epoch, items }] });
      expect((await send([item(1), item(2)])).body).toEqual({
        accepted: [{ session_id: worker.sessionId, seq_to: 2 }],
        fenced: [],
      });
      expect((await send([item(2), item(3)])).body).toEqual({
        accepted: [{ session_id: worker.sessionId, seq_to: 3 }],
        fenced: [],
      });
      const read = await host.ask("GET", `${T}/sessions/${worker.sessionId}/transcript?after=1`);
      expect(read.body).toMatchObject({ items: [item(2), item(3)], nextAfter: 3, live: true });
    }));
});
