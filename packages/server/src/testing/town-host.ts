/**
 * A host with one real town for tests: its storage is a test's own, its runner is a list of calls
 * that were made, and its clock stands still until a test moves it.
 */
import { exportLines, openTown, type Sql, type Town } from "@gastown/town";
import {
  createEffects,
  createServer,
  logFollower,
  openTownActor,
  type GastownServer,
  type TownActor,
} from "../index.ts";
import { LOCAL_TOKEN, testPorts, type TestPorts } from "./ports.ts";

export const TOWN = "town_00000000000000000000000001";
export const BASE = "http://127.0.0.1:4780";
export const INSTANCE = "run_00000000000000000000000001";
export const USER = { authorization: `Bearer ${LOCAL_TOKEN}` };

interface RunnerCallMade {
  path: string;
  body: Record<string, unknown>;
}

export interface Answer<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  body: T;
}

export interface TownHost {
  ports: TestPorts;
  actor: TownActor;
  server: GastownServer;
  /** Every call to the runner, in order; it answers 202 unless `answers` says otherwise. */
  calls: RunnerCallMade[];
  /** What the runner answers by method and path, for example `GET /git/diff`. */
  answers: Map<string, (query: URLSearchParams) => Response>;
  wakes: (number | null)[];
  /** A request as the local user, unless headers say otherwise. */
  ask<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Answer<T>>;
  /** Registers a runner; resolves with its token. */
  register(instanceId?: string): Promise<string>;
  /** A callback of the runner. */
  report(path: string, body: unknown): Promise<Answer>;
  /** Waits for a change of the town. */
  until<T>(read: (town: Town) => T | undefined): Promise<T>;
  /** The next call to the runner with this path ending that was not taken yet. */
  called(ending: string): Promise<RunnerCallMade>;
  /** A rig that is ready. */
  readyRig(name?: string): Promise<string>;
  runnerToken: string;
}

/** Gives a test an empty database; `withSql` of a test host. */
export type GiveSql = (test: (sql: Sql) => Promise<void>) => Promise<void>;
export type GiveTown = (test: (host: TownHost) => Promise<void>) => Promise<void>;

/** The town of each test, on the storage of the host that it runs on. */
export const townsOn =
  (giveSql: GiveSql): GiveTown =>
  (test) =>
    giveSql((sql) => onTown(sql, test));

async function onTown(sql: Sql, test: (host: TownHost) => Promise<void>): Promise<void> {
  {
    const base = await testPorts();
    const calls: RunnerCallMade[] = [];
    const answers: TownHost["answers"] = new Map();
    const wakes: (number | null)[] = [];
    const taken = new Set<RunnerCallMade>();
    const removed = new Set<string>();
    let onCall: (() => void)[] = [];

    const fetcher = (input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> => {
      const body = typeof init.body === "string" ? (JSON.parse(init.body) as Record<string, unknown>) : {};
      const { pathname, searchParams } = new URL(new Request(input).url);
      calls.push({ path: pathname, body });
      for (const tell of onCall.splice(0)) tell();
      const answer = answers.get(`${init.method ?? "GET"} ${pathname}`);
      if (answer !== undefined) return Promise.resolve(answer(searchParams));
      return Promise.resolve(new Response('{"accepted":true}', { status: 202 }));
    };

    const town = openTown(
      { sql, now: () => base.now(), random: () => base.randomBytes(16), fallbackRuntime: "scripted" },
      { id: TOWN, name: "test" },
    );
    let cancelWake = (): void => {};
    const actor = openTownActor({
      ...base,
      town,
      perform: createEffects({ ...base, fetch: fetcher }),
      followLog: logFollower({ ...base, fetch: fetcher }),
      onNextWake(at) {
        wakes.push(at);
        cancelWake();
        if (at !== null) cancelWake = base.setTimer(Math.max(1, at - base.now()), () => actor.wake());
      },
    });
    const entry = { id: TOWN, name: "test", createdAt: new Date(base.now()).toISOString() };
    const ports: TestPorts = {
      ...base,
      fetch: fetcher,
      towns: {
        list: () => [entry],
        create: () => Promise.resolve(actor),
        get: (id) => Promise.resolve(id === TOWN && !removed.has(id) ? actor : undefined),
        remove: (id) => Promise.resolve(void removed.add(id)),
        exported: () =>
          Promise.resolve({
            lines: exportLines(sql, { program: base.version, now: base.now() }),
            done: () => {},
          }),
        imported: () => Promise.reject(new Error("there is no place for another town in this test")),
      },
    };
    const server = createServer(ports);

    const host: TownHost = {
      ports,
      actor,
      server,
      calls,
      answers,
      wakes,
      runnerToken: "",
      async ask<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = USER) {
        const response = await server.app.request(`${BASE}${path}`, {
          method,
          headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
          ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
        });
        const text = await response.text();
        return {
          status: response.status,
          headers: response.headers,
          body: (text === "" ? {} : JSON.parse(text)) as T,
        };
      },
      async register(instanceId = INSTANCE) {
        base.bootSecret.usedBy = null;
        const body = {
          instance_id: instanceId,
          version: "0",
          control: { url: "http://127.0.0.1:9", bearer: "b" },
        };
        const path = `/api/towns/${TOWN}/runner/register`;
        const answer = await host.ask<{ token: string }>("POST", path, body, {
          authorization: "Bearer boot-secret",
        });
        if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
        host.runnerToken = answer.body.token;
        return answer.body.token;
      },
      report: (path, body) =>
        host.ask("POST", `/api/towns/${TOWN}${path}`, body, { authorization: `Bearer ${host.runnerToken}` }),
      async until(read) {
        const value = await actor.wait(read, Number.MAX_SAFE_INTEGER);
        if (value === undefined) throw new Error("the town closed");
        return value;
      },
      async called(ending) {
        for (;;) {
          const call = calls.find((made) => made.path.endsWith(ending) && !taken.has(made));
          if (call !== undefined) {
            taken.add(call);
            return call;
          }
          const { promise, resolve } = Promise.withResolvers<void>();
          onCall = [...onCall, resolve];
          await promise;
        }
      },
      async readyRig(name = "web") {
        if (host.runnerToken === "") await host.register();
        const body = { name, gitUrl: `https://git.example/${name}.git` };
        const rig = await host.ask<{ id: string }>("POST", `/api/towns/${TOWN}/rigs`, body);
        const setup = await host.called("/repos/setup");
        await host.report(`/runner/effects/${String(setup.body["effect_id"])}/settle`, {
          attempt: 1,
          result: { outcome: "rig_ready", default_branch: "main", head_sha: "a".repeat(40) },
        });
        await host.until((open) => (open.rig(rig.body.id).state === "ready" ? true : undefined));
        return rig.body.id;
      },
    };
    try {
      await test(host);
    } finally {
      await actor.close();
    }
  }
}

/** A session that works: its bead, its id, and the token that its agent was given. */
export interface Working {
  beadId: string;
  sessionId: string;
  token: string;
  epoch: number;
}

/** Slings a bead and takes its session to its first turn. */
export async function working(host: TownHost, rigId: string, title = "Add a search box"): Promise<Working> {
  const made = await host.ask<{ bead: { id: string } }>("POST", `/api/towns/${TOWN}/rigs/${rigId}/sling`, {
    title,
  });
  const beadId = made.body.bead.id;
  return began(host, beadId);
}

/** Takes the start that the runner is asked for next to its first turn. */
export async function began(host: TownHost, beadId: string): Promise<Working> {
  const { body } = await host.called("/agents/start");
  const start = body as { session_id: string; epoch: number; mcp: { token: string } };
  await host.report(`/sessions/${start.session_id}/status`, { epoch: start.epoch, phase: "first_turn" });
  return { beadId, sessionId: start.session_id, token: start.mcp.token, epoch: start.epoch };
}
