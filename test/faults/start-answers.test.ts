/**
 * The race: a start is sent to the runner, and its answer is lost on the way, or the start itself is;
 * or it arrives and truly fails. The host is a real one in this process, so that a test can lose its
 * calls; its runner and the agents are processes of their own.
 *
 * What must hold: a session whose answer is lost is left alone and goes on, one whose start never
 * arrived is started by the repeat, neither is started twice and nothing is counted; one that failed
 * says why, where and what to do wherever a person looks, rests, and is tried again.
 */
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  beadDetail,
  beadShape,
  feedEntry,
  rigShape,
  sessionShape,
  townShape,
  type BeadDetail,
  type FeedEntry,
} from "@gastown/protocol";
import { ApiClient } from "../../apps/node/src/cli/client.ts";
import { listOf } from "../../apps/node/src/cli/target.ts";
import { readLocalToken } from "../../apps/node/src/host/credentials.ts";
import { dataDir } from "../../apps/node/src/host/data-dir.ts";
import { startHost, type Host } from "../../apps/node/src/host/host.ts";
import { World } from "../../apps/node/src/testing/executable.ts";

const MAIN = fileURLToPath(new URL("../../apps/node/src/main.ts", import.meta.url));
const script = (steps: readonly unknown[]): string =>
  `\`\`\`gastown-script\n${JSON.stringify({ steps })}\n\`\`\``;
const WORK = script([{ write: { path: "a.txt", content: "a\n" } }]);

/** What becomes of one call of a start: it arrives and its answer is lost, or it never arrives. */
type Loss = "answer" | "call";

let world: World;
let host: Host;
let town = "";
let rig = "";
let losses: Loss[] = [];
/** Every try of a start, by its session. */
let tries: string[] = [];

const lossy: typeof fetch = async (input, init) => {
  const isStart = typeof input === "string" && input.endsWith("/agents/start");
  const body = typeof init?.body === "string" ? init.body : "";
  const loss = isStart ? losses.shift() : undefined;
  if (isStart) tries.push(/"session_id":"(\w+)"/.exec(body)?.[1] ?? "");
  if (loss === "call") throw new TypeError("lost on its way");
  const answer = await fetch(input, init);
  if (loss === "answer") throw new TypeError("lost on its way back");
  return answer;
};

const api = (): ApiClient => {
  const token = readLocalToken(dataDir(world.dataDir));
  return new ApiClient({ url: host.url, token, signal: AbortSignal.timeout(40_000), hint: "It ended." });
};

beforeEach(async () => {
  world = new World();
  losses = [];
  tries = [];
  host = await startHost({
    dataDir: world.dataDir,
    flags: { listen: "127.0.0.1:0", runtime: "scripted" },
    env: world.env(),
    terminal: false,
    writeLog: () => undefined,
    version: "0.0.0-test",
    commit: "",
    self: { command: process.execPath, args: [MAIN] },
    fetch: lossy,
    runnerTiming: { toolsMs: 3_000 },
    listRuntimes: () => Promise.resolve([]),
    chooseRuntime: () => ({ id: "scripted", missing: false }),
  });
  const remote = await world.repository();
  town = (await api().post(townShape.pick({ id: true }), "/api/users/user_local/towns", { name: "t" })).id;
  rig = (await api().post(rigShape, `/api/towns/${town}/rigs`, { name: "app", gitUrl: remote })).id;
  await seen(({ kind }) => kind === "rig.verified");
});
afterEach(async () => {
  await host.stop({ keepRunners: false, drainWaitMs: 0 });
  await world.end();
});

/** The first event like this, as soon as there is one. */
async function seen(isIt: (entry: FeedEntry) => boolean): Promise<FeedEntry> {
  const client = api();
  for (let after = 0; ;) {
    const { items } = await client.get(listOf(feedEntry), `/api/towns/${town}/events`, {
      after,
      limit: 200,
      wait: 25,
    });
    const found = items.find(isIt);
    if (found !== undefined) return found;
    after = items.at(-1)?.seq ?? after;
  }
}

async function sling(): Promise<string> {
  const bead = { title: "Add a", body: WORK, start: true };
  return (await api().post(beadShape, `/api/towns/${town}/rigs/${rig}/beads`, bead)).id;
}

const beadOf = (id: string): Promise<BeadDetail> => api().get(beadDetail, `/api/towns/${town}/beads/${id}`);
const landed = (id: string): Promise<FeedEntry> =>
  seen(({ kind, beadId, reason }) => kind === "bead.status_changed" && beadId === id && reason === "merged");

describe("a start", () => {
  it.each([
    // Once it is heard of, nothing is sent again.
    ["whose answer is lost leaves its session alone", ["answer", "answer"], 1],
    ["that never arrived is sent again", ["call", "call"], 3],
  ] as const)("%s, and that goes on", async (_how, lost, least) => {
    losses = [...lost];
    const bead = await sling();
    await landed(bead);
    const { sessions, startFailures, runFailures } = await beadOf(bead);
    const polecats = sessions.filter(({ role }) => role === "polecat");
    expect(polecats).toMatchObject([{ outcome: "submitted" }]);
    expect({ startFailures, runFailures }).toEqual({ startFailures: 0, runFailures: 0 });
    expect(tries.filter((id) => id === polecats[0]?.id).length).toBeGreaterThanOrEqual(least);
    expect(losses.length).toBeLessThan(lost.length);
  });

  it("that truly failed says why wherever a person looks, rests, and is tried again", async () => {
    const config = `/api/towns/${town}/config`;
    await api().raw("PATCH", config, { body: { env: { SCRIPTED_MISBEHAVIOR: "no_tools" } } });
    const bead = await sling();
    const event = await seen(({ kind }) => kind === "agent.dispatch_failed");
    const why = {
      code: "tools_missing",
      phase: "tools",
      message: 'The agent "scripted" did not list this session\'s tools within 3 s.',
      action: expect.stringContaining("Check that the agent speaks MCP"),
      stderrTail: expect.stringContaining("I do not ask for my tools."),
    };
    expect(event).toMatchObject({ beadId: bead, data: why });
    const found = await beadOf(bead);
    expect(found).toMatchObject({ startFailures: 1, waitingOn: { code: "cooldown" } });
    const session = await api().get(sessionShape, `/api/towns/${town}/sessions/${event.sessionId ?? ""}`);
    expect(session).toMatchObject({ state: "ended", outcome: "refused", reason: why });
    const shown = await world.must(["bead", "show", bead]);
    const logs = await world.must(["session", "logs", session.id]);
    for (const { stdout } of [shown, logs]) {
      expect(stdout).toContain("(tools_missing, phase tools)");
      expect(stdout).toContain("To do: Check that the agent speaks MCP");
      expect(stdout).toContain("I do not ask for my tools.");
    }
    await api().raw("PATCH", config, { body: { env: {} } });
    await api().post(beadShape, `/api/towns/${town}/beads/${bead}/retry`);
    await landed(bead);
  });
});
