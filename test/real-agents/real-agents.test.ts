/**
 * Real agents from the npm registry in a real town: `kilo acp` and `opencode acp` as a person has
 * them, installed and logged in to a provider of their own (here a scripted model on loopback).
 */
import { toolsOf } from "@gastown/protocol";
import { afterAll, beforeAll, describe, expect, it, vi, type TestContext } from "vitest";
import { installAgent, NotDelivered, type AgentId } from "./install.ts";
import { MODEL_KEY } from "./login.ts";
import type { ModelRequest } from "./model-server.ts";
import { orderText, roleOf, toolResults, type PlayedRole } from "./plays.ts";
import { FORGE_TOKEN, RealTown, TOWN_SECRET } from "./town.ts";

/** What keeps each agent off the network but for its model (spec/agents-facts.md §12). */
const QUIET: Readonly<Record<AgentId, readonly string[]>> = {
  kilo: [
    "KILO_DISABLE_MODELS_FETCH=1",
    "KILO_DISABLE_AUTOUPDATE=1",
    "KILO_DISABLE_SHARE=1",
    "KILO_DISABLE_SESSION_INGEST=1",
    "KILO_TELEMETRY_LEVEL=off",
  ],
  opencode: ["OPENCODE_DISABLE_MODELS_FETCH=1", "OPENCODE_DISABLE_AUTOUPDATE=1", "OPENCODE_DISABLE_SHARE=1"],
};
/** What the town tells the role in the system message. */
const ROLE: Readonly<Record<PlayedRole, string>> = {
  mayor: "You are the mayor",
  polecat: "You are a polecat",
  refinery: "You are the refinery",
};
/** What is started is not the agent itself: only Kilo, and its half a minute of backoff is enough once. */
const LAUNCHERS: Readonly<Record<AgentId, readonly string[]>> = { kilo: ["launcher"], opencode: [] };
/** A person is asked by these at the agent's own screen, which nobody sees. */
const AT_THE_SCREEN = ["question", "suggest", "plan_enter", "plan_exit"];

let begun: RealTown | undefined;
let undelivered: string | undefined;

async function begin(id: AgentId): Promise<void> {
  try {
    begun = await RealTown.begin(id, await installAgent(id));
  } catch (thrown) {
    if (!(thrown instanceof NotDelivered)) throw thrown;
    undelivered = thrown.message;
  }
}

/** The town; without an agent the test is skipped, and says what the registry did not deliver. */
function here({ skip }: TestContext): RealTown {
  return begun ?? skip(undelivered ?? "The town did not begin.");
}

/** Requests that are work, by role; those without tools ask for a title. */
function requestsOf({ model }: RealTown, role: PlayedRole): readonly ModelRequest[] {
  return model.requests.filter((request) => request.tools.length > 0 && roleOf(request) === role);
}

function expectOnly(role: PlayedRole, requests: readonly ModelRequest[]): void {
  expect(requests.length).toBeGreaterThan(0);
  const tools = toolsOf(role).map(({ name }) => `gastown_${name}`);
  for (const request of requests) {
    const system = request.messages.filter((message) => message.role === "system");
    const told = system.map(({ content }) => content).join("\n");
    for (const [other, words] of Object.entries(ROLE)) expect(told.includes(words)).toBe(other === role);
    expect(request.tools.filter((name) => name.includes("gt_")).toSorted()).toEqual(tools.toSorted());
    expect(request.tools.filter((name) => AT_THE_SCREEN.includes(name))).toEqual([]);
  }
}

describe.each(["kilo", "opencode"] as const)("%s", (id) => {
  beforeAll(() => begin(id));
  afterAll(async () => {
    await begun?.end();
    begun = undefined;
    undelivered = undefined;
  });

  it("turns a bead into a reviewed, merged commit", async (context) => {
    const town = here(context);
    // With OpenCode nobody chooses: then the agent's own settings do.
    if (id === "kilo") await town.configure("default_model=local/coder", "small_model=local/small");
    const bead = await town.land("notes/hello.md", "Hello from an agent");

    expect(bead).toMatchObject({ status: "closed", reason: "merged" });
    expect(await town.git("show", "main:notes/hello.md")).toBe("Hello from an agent");
    const sessions = await town.sessions();
    expect(sessions).toHaveLength(2);
    const [polecat, refinery] = ["polecat", "refinery"].map((role) => {
      return sessions.find((session) => session.role === role);
    });
    const commit = await town.git("log", "--format=%an <%ae> %s", "main", "--", "notes/hello.md");
    expect(commit).toBe(`${polecat?.agentName} <agent@gastown.invalid> Add notes/hello.md`);
    expect(bead.mergeRequest).toMatchObject({
      state: "merged",
      headSha: polecat?.headSha,
      reviewedSha: polecat?.headSha,
      verdict: { kind: "approve", sessionId: refinery?.id, headSha: polecat?.headSha },
    });

    expect(polecat).toMatchObject({ runtime: id, outcome: "submitted" });
    expect(refinery).toMatchObject({ runtime: id, outcome: "approved" });
    const said = await town.transcript(polecat?.id);
    for (const words of ["gastown_gt_prime", "git commit --quiet", "gastown_gt_done"])
      expect(said).toContain(words);
    expect(town.processes()).toHaveLength(1);
  });

  it("showed the model its role, its tools and no secret", (context) => {
    const town = here(context);
    expect(town.model.problems).toEqual([]);
    expectOnly("polecat", requestsOf(town, "polecat"));
    expectOnly("refinery", requestsOf(town, "refinery"));
    const models = new Set(
      town.model.requests.map(({ model, tools }) => (tools.length > 0 ? model : "title")),
    );
    expect([...models].toSorted()).toEqual([id === "kilo" ? "coder" : "plain", "title"]);
    for (const request of town.model.requests) {
      expect(request.authorization).toBe(`Bearer ${MODEL_KEY}`);
      for (const secret of [MODEL_KEY, FORGE_TOKEN, ...town.secrets()])
        expect(request.raw).not.toContain(secret);
    }
  });

  it("ran its tools in a clean environment that keeps it quiet", async (context) => {
    const town = here(context);
    const last = requestsOf(town, "polecat").at(-1);
    const env = last === undefined ? undefined : toolResults(last)[2];
    expect(env?.split("\n")).toEqual(expect.arrayContaining([...QUIET[id], `TEAM_TOKEN=${TOWN_SECRET}`]));
    expect(env).not.toMatch(/^(GH_TOKEN|GASTOWN_(?!TOWN_ID|API_URL|MARKER)\w*|NODE_OPTIONS)=/m);
    const [polecat] = (await town.sessions()).filter((session) => session.role === "polecat");
    const said = await town.transcript(polecat?.id);
    expect(said).toContain("TEAM_TOKEN=[secret]");
    expect(said).not.toContain(TOWN_SECRET);
  });

  it("has a mayor that turns a message into a bead, in the same process", async (context) => {
    const town = here(context);
    const answer = await town.world.must([
      "mayor",
      `Please: ${orderText("notes/plan.md", "Planned by the mayor")}`,
      "--timeout",
      "200",
    ]);
    expect(answer.stdout).toContain("I made one bead for it.");
    const bead = await town.landed("Write notes/plan.md");
    expect(bead).toMatchObject({ status: "closed", reason: "merged" });
    expect(await town.git("show", "main:notes/plan.md")).toBe("Planned by the mayor");
    expectOnly("mayor", requestsOf(town, "mayor"));
    expect(town.processes()).toHaveLength(1);
  });

  it.for(LAUNCHERS[id])(
    "loses its %s in the middle of a turn, and a successor does the bead",
    async (_, context) => {
      const town = here(context);
      const silence = town.model.beSilent();
      const landing = town.land("notes/again.md", "Hello again");
      await silence.asked;
      const [pid = 0] = town.processes();
      // The real program, which the launcher started, would live on without us.
      process.kill(pid, "SIGKILL");
      silence.end();
      expect(await landing).toMatchObject({ status: "closed", reason: "merged" });
      expect(await town.git("show", "main:notes/again.md")).toBe("Hello again");
      expect(town.processes()).toHaveLength(2);
      expect(isGroup(pid)).toBe(false);
    },
  );

  it("has its use counted, and leaves no process behind when the host ends", async (context) => {
    const town = here(context);
    const reviews = async (): Promise<readonly object[]> =>
      (await town.sessions()).filter((session) => session.outcome === "approved");
    // Four requests, each 1000 tokens in and 50 out at 1 and 2 dollars a million; tokens of the last.
    const usage = { tokensIn: 1_000, tokensOut: 50, usdKnown: true, usd: expect.closeTo(0.0044, 6) };
    const all = Array.from({ length: id === "kilo" ? 3 : 2 }, () => ({ usage }));
    // What a turn has cost is known at its end, which may come after the verdict that was given in it.
    await vi.waitFor(async () => expect(await reviews()).toMatchObject(all), {
      timeout: 60_000,
      interval: 250,
    });
    const pid = town.processes().at(-1) ?? 0;
    expect(isGroup(pid)).toBe(true);
    expect(await town.stop()).toBe(0);
    expect(isGroup(pid)).toBe(false);
    await town.start();
    expect(await reviews()).toMatchObject(all);
  });
});

/** Whether any program of that process group lives: the launcher, or what it started. */
function isGroup(pid: number): boolean {
  try {
    return process.kill(-pid, 0);
  } catch {
    return false;
  }
}
