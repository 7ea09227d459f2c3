/** A host for tests: a clock that stands still, timers that a test fires, everything in memory. */
import { plainForge, type Forge } from "@gastown/forge";
import type { RunnerAddress, ServerEvent, ServerPorts, TownDirectory } from "../index.ts";
import { sha256Hex } from "../kernel/hash.ts";
import type { ServerStore } from "../store/store.ts";

export const LOCAL_TOKEN = "gtl_local-token-of-the-tests-only";
export const START = Date.UTC(2026, 0, 5, 12, 0, 0);

interface TestClock {
  time: number;
  /** Moves the clock and fires what is due, in order. */
  advance(ms: number): void;
  setTimer(delayMs: number, fn: () => void): () => void;
  readonly pending: number;
  /** Resolves when the next timer of this delay is set. */
  armed(delayMs: number): Promise<void>;
}

function testClock(): TestClock {
  const timers = new Set<{ at: number; fn: () => void }>();
  let waiting: { delayMs: number; tell: () => void }[] = [];
  const clock: TestClock = {
    time: START,
    advance(ms) {
      const until = clock.time + ms;
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        clock.time = Math.max(clock.time, next.at);
        next.fn();
      }
      clock.time = until;
    },
    setTimer(delayMs, fn) {
      const timer = { at: clock.time + delayMs, fn };
      timers.add(timer);
      for (const one of waiting.filter((wanted) => wanted.delayMs === delayMs)) one.tell();
      waiting = waiting.filter((wanted) => wanted.delayMs !== delayMs);
      return () => void timers.delete(timer);
    },
    get pending() {
      return timers.size;
    },
    armed(delayMs) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting = [...waiting, { delayMs, tell: resolve }];
      return promise;
    },
  };
  return clock;
}

/** A store without storage. */
function memoryStore(): ServerStore {
  const codes = new Map<string, number>();
  const sessions = new Set<string>();
  const calls = new Map<string, { fingerprint: string; answer: { status: number; body: string } | null }>();
  const keyOf = (principal: string, key: string): string => JSON.stringify([principal, key]);
  return {
    putLoginCode: (hash, expiresAt) => void codes.set(hash, expiresAt),
    takeLoginCode(hash, now) {
      const expiresAt = codes.get(hash);
      codes.delete(hash);
      return expiresAt !== undefined && expiresAt >= now;
    },
    putBrowserSession: (hash) => void sessions.add(hash),
    touchBrowserSession: (hash) => sessions.has(hash),
    dropBrowserSession: (hash) => void sessions.delete(hash),
    beginCall({ principal, key, fingerprint }) {
      const known = calls.get(keyOf(principal, key));
      if (known === undefined) {
        calls.set(keyOf(principal, key), { fingerprint, answer: null });
        return { type: "begun" };
      }
      if (known.fingerprint !== fingerprint) return { type: "other" };
      return known.answer === null ? { type: "running" } : { type: "answered", ...known.answer };
    },
    endCall(principal, key, answer) {
      const known = calls.get(keyOf(principal, key));
      if (answer === null) calls.delete(keyOf(principal, key));
      else if (known !== undefined) known.answer = answer;
    },
  };
}

export interface TestPorts extends ServerPorts {
  clock: TestClock;
  recorded: ServerEvent[];
  logged: { level: string; message: string; fields: unknown }[];
  runner: { address: RunnerAddress | null };
  /** The hosting of every rig. */
  forge: { current: Forge };
  /** Who has used it; `null` again: it is as good as new. */
  bootSecret: { value: string; usedBy: string | null };
}

const noTowns: TownDirectory = {
  list: () => [],
  create: () => Promise.reject(new Error("no towns in this test")),
  get: () => Promise.resolve(undefined),
  remove: () => Promise.resolve(),
  exported: () => Promise.reject(new Error("no towns in this test")),
  imported: () => Promise.reject(new Error("no towns in this test")),
};

export async function testPorts(overrides: Partial<ServerPorts> = {}): Promise<TestPorts> {
  const clock = testClock();
  const recorded: ServerEvent[] = [];
  const logged: TestPorts["logged"] = [];
  const runner: TestPorts["runner"] = { address: null };
  const forge: TestPorts["forge"] = { current: plainForge() };
  const bootSecret: TestPorts["bootSecret"] = { value: "boot-secret", usedBy: null };
  const tokenHash = await sha256Hex(LOCAL_TOKEN);
  return {
    clock,
    recorded,
    logged,
    runner,
    forge,
    bootSecret,
    now: () => clock.time,
    setTimer: (delayMs, fn) => clock.setTimer(delayMs, fn),
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
    sink: {
      event: (event) => void recorded.push(event),
      log: (level, message, fields) => void logged.push({ level, message, fields }),
    },
    keys: [{ kid: "k1", secret: new Uint8Array(32).fill(7) }],
    sealingKeys: [{ kid: "s1", secret: new Uint8Array(32).fill(9) }],
    forgeFor: () => forge.current,
    localTokenHash: () => tokenHash,
    serverId: "test",
    publicUrl: "http://127.0.0.1:4780",
    allowedHosts: [],
    version: "0.0.0-test",
    commit: "unknown",
    platform: "node",
    development: false,
    startedAt: START - 5_000,
    store: memoryStore(),
    towns: noTowns,
    runners: {
      ensure: () =>
        runner.address === null
          ? Promise.reject(new Error("no runner comes up"))
          : Promise.resolve(runner.address),
      current: () => runner.address,
      stop() {
        runner.address = null;
        return Promise.resolve();
      },
      registered: (_townId, address) => void (runner.address = address),
      drained: (_townId, instanceId) => {
        if (runner.address?.instanceId === instanceId) runner.address = null;
      },
    },
    bootSecrets: {
      consume(_townId, secret, instanceId) {
        const known = secret === bootSecret.value && (bootSecret.usedBy ?? instanceId) === instanceId;
        if (known) bootSecret.usedBy = instanceId;
        return known;
      },
    },
    runtimes: { list: () => Promise.resolve([]) },
    ...overrides,
  };
}
