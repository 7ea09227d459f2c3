import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RetryableError } from "@gastown/protocol";
import { ModelGate } from "../models/model-gate.ts";
import { Heartbeats } from "./heartbeats.ts";
import type { TownClient } from "./town-client.ts";

const ID = `sess_${"0".repeat(26)}`;

interface World {
  readonly heartbeats: Heartbeats;
  readonly verdicts: string[];
  readonly tokens: string[];
  lost: number;
  beats: number;
  /** What was sent, the oldest first. */
  readonly bodies: string[];
  answer: () => Promise<unknown>;
}

const NO_NEWS = { news: [], told: () => undefined };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp(models: ConstructorParameters<typeof Heartbeats>[0]["models"] = NO_NEWS): World {
  const world: Omit<World, "heartbeats"> = {
    verdicts: [],
    tokens: [],
    lost: 0,
    beats: 0,
    bodies: [],
    answer: () => Promise.resolve({ sessions: [{ session_id: ID, verdict: "ok" }] }),
  };
  const town = {
    useToken: (token: string) => world.tokens.push(token),
    post: (_path: string, body: string) => {
      world.beats += 1;
      world.bodies.push(body);
      return world.answer();
    },
  } as unknown as TownClient;
  const heartbeats = new Heartbeats({
    instanceId: `run_${"0".repeat(26)}`,
    everyMs: 30_000,
    town,
    log: () => undefined,
    draining: () => false,
    sessions: () => [],
    models,
    onVerdict: (_id, verdict) => world.verdicts.push(verdict),
    onPermission: () => undefined,
    onAnswered: () => undefined,
    onLost: () => {
      world.lost += 1;
    },
  });
  return Object.assign(world, { heartbeats });
}

const fail = () => Promise.reject(new RetryableError("runner_unavailable", "no answer"));

describe("heartbeats", () => {
  it("go on every 30 s, and one asked for sooner begins the wait anew", async () => {
    const world = setUp();
    await world.heartbeats.now();
    await vi.advanceTimersByTimeAsync(29_999);
    expect(world.beats).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(world.beats).toBe(2);
    await vi.advanceTimersByTimeAsync(15_000);
    await world.heartbeats.now();
    await vi.advanceTimersByTimeAsync(29_999);
    expect(world.beats).toBe(3);
    world.heartbeats.stop();
    await vi.advanceTimersByTimeAsync(100_000);
    expect(world.beats).toBe(3);
  });

  it("use a renewed token", async () => {
    const world = setUp();
    world.answer = () => Promise.resolve({ sessions: [], token: "next", expires_at: "" });
    await world.heartbeats.now();
    expect(world.tokens).toEqual(["next"]);
  });

  it("allow no further turn from the tenth failure in a row, until one is answered", async () => {
    const world = setUp();
    world.answer = fail;
    for (let i = 0; i < 9; i += 1) await world.heartbeats.now();
    expect(world.heartbeats.mayBeginTurns).toBe(true);
    await world.heartbeats.now();
    expect(world.heartbeats.mayBeginTurns).toBe(false);
    world.answer = () => Promise.resolve({ sessions: [] });
    await world.heartbeats.now();
    expect(world.heartbeats.mayBeginTurns).toBe(true);
  });

  it("give the runner up at the sixtieth failure in a row", async () => {
    const world = setUp();
    world.answer = fail;
    for (let i = 0; i < 59; i += 1) await world.heartbeats.now();
    expect(world.lost).toBe(0);
    await world.heartbeats.now();
    expect(world.lost).toBe(1);
  });
});

describe("a fresh verdict", () => {
  it("is never that of a heartbeat which had begun before it was asked for", async () => {
    const world = setUp();
    const first = Promise.withResolvers<unknown>();
    world.answer = () => first.promise;
    void world.heartbeats.now();
    const verdict = world.heartbeats.freshVerdict(ID, new AbortController().signal);
    world.answer = () => Promise.resolve({ sessions: [{ session_id: ID, verdict: "fenced" }] });
    first.resolve({ sessions: [{ session_id: ID, verdict: "ok" }] });
    expect(await verdict).toBe("fenced");
    expect(world.beats).toBe(2);
  });

  it("waits through failures for the first answer", async () => {
    const world = setUp();
    world.answer = fail;
    const verdict = world.heartbeats.freshVerdict(ID, new AbortController().signal);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(world.beats).toBe(2);
    world.answer = () => Promise.resolve({ sessions: [] });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(await verdict).toBe("unknown");
  });

  it("is null for a session that ended meanwhile", async () => {
    const world = setUp();
    world.answer = fail;
    const session = new AbortController();
    const verdict = world.heartbeats.freshVerdict(ID, session.signal);
    session.abort();
    expect(await verdict).toBeNull();
  });

  it("say which providers have answered until the town has heard it", async () => {
    const gate = new ModelGate({
      minuteMs: 60_000,
      setTimer: () => () => undefined,
      onChange: () => undefined,
    });
    const provider = { key: "kilo anthropic 1", name: "anthropic" };
    const world = setUp(gate);
    const said = (): unknown => JSON.parse(world.bodies.at(-1) ?? "{}")["models_answered"];
    await world.heartbeats.now();
    expect(said()).toBeUndefined();
    gate.answered(provider, ID);
    const { answer } = world;
    world.answer = fail;
    await world.heartbeats.now();
    world.answer = answer;
    await world.heartbeats.now();
    expect(said()).toEqual([provider.key]);
    await world.heartbeats.now();
    expect(said()).toBeUndefined();
    gate.answered(provider, ID);
    gate.refused(provider, ID, { kind: "limited", until: null, message: "wait" });
    await world.heartbeats.now();
    expect(said()).toBeUndefined();
  });
});
