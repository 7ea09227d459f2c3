/**
 * What a real agent's work has to wait for in a real town: a model whose limit is reached, a person who is
 * asked for permission, settings that need another process. None of it may cost the work or be told wrongly.
 */
import { escalationShape, type Escalation, type Session } from "@gastown/protocol";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { listOf } from "../../apps/node/src/cli/target.ts";
import { installAgent, NotDelivered, type AgentId } from "./install.ts";
import type { ModelRequest, Refusal, Reply } from "./model-server.ts";
import { orderText, play, roleOf, toolResults } from "./plays.ts";
import { RealTown } from "./town.ts";

const LOOK = "Show me your environment";
const CAREFUL = "Do it carefully.";
const TODO = "Keep a list of what to do";
const REFUSED = "You were not allowed to do this";

/** An agent that keeps a list, tries what it may not, and goes on without when it is told so. */
function careful(request: ModelRequest): Reply {
  const results = toolResults(request);
  const asked = request.messages.findLast(({ role }) => role === "user")?.content ?? "";
  const todos = [{ content: TODO, status: "in_progress", priority: "high" }];
  const before: readonly Reply[] = [
    { call: "gt_prime", with: {} },
    { call: "todowrite", with: { todos } },
    { call: "bash", with: { command: "touch refused.txt", description: "Make another file" } },
  ];
  const after: readonly Reply[] = [
    { call: "write", with: { filePath: "notes/careful.md", content: "Carefully\n" } },
    {
      call: "bash",
      with: { command: "git add notes && git commit --quiet --message Careful", description: "Commit" },
    },
    { call: "gt_done", with: { summary: "Wrote it." } },
  ];
  return (asked.includes(REFUSED) ? after : before)[results.length] ?? { say: "That is all." };
}

function played(request: ModelRequest): Reply {
  const asked = request.messages.findLast(({ role }) => role === "user")?.content ?? "";
  if (roleOf(request) === "mayor" && asked.includes(LOOK)) {
    const [seen] = toolResults(request);
    const look = { command: "env | grep ^COLOR= || echo no color", description: "Look" };
    return seen === undefined ? { call: "bash", with: look } : { say: `I see: ${seen.trim()}` };
  }
  if (roleOf(request) === "refinery" && request.raw.includes(CAREFUL))
    return { call: "gt_approve", with: { summary: "As it was asked." } };
  return roleOf(request) === "polecat" && request.raw.includes(CAREFUL) ? careful(request) : play(request);
}

/** What its model says while it does not answer; long enough to be looked at, each of them once is enough. */
const TROUBLES: Readonly<Record<AgentId, Refusal & { readonly words: string }>> = {
  kilo: { refuse: 429, words: "Rate limit reached for coder. Please try again in 20s." },
  opencode: { refuse: 529, words: "Overloaded. Please try again in 20s." },
};
/** The two share this part of their code, and a town is slow to begin. */
const MOVED: Readonly<Record<AgentId, readonly string[]>> = { kilo: ["an idle session"], opencode: [] };

let begun: RealTown | undefined;
let undelivered: string | undefined;

async function begin(id: AgentId): Promise<void> {
  try {
    begun = await RealTown.begin(id, await installAgent(id), played);
  } catch (thrown) {
    if (!(thrown instanceof NotDelivered)) throw thrown;
    undelivered = thrown.message;
  }
}

function here({ skip }: TestContext): RealTown {
  return begun ?? skip(undelivered ?? "The town did not begin.");
}

/** Sessions of a bead; none that a machine with much else to do was too slow to begin. */
async function begunAt(town: RealTown, bead: string): Promise<Session[]> {
  return (await town.sessions()).filter(({ beadId, outcome }) => beadId === bead && outcome !== "refused");
}

/** These take minutes of waiting by their nature, so not with every `npm test`: docs/real-agents.md says how. */
const WANTED = process.env["GASTOWN_REAL_WAITS"] === "1";

describe.skipIf(!WANTED).each(["kilo", "opencode"] as const)("%s (with GASTOWN_REAL_WAITS=1)", (id) => {
  beforeAll(() => begin(id));
  afterAll(async () => {
    await begun?.end();
    begun = undefined;
    undelivered = undefined;
  });

  it("waits for a model that refuses for long, and no attempt is counted", async (context) => {
    const town = here(context);
    const refusal = TROUBLES[id];
    // The agent itself tries again six times first, as soon as the header says.
    const trouble = town.model.refuseWork({ headers: { "retry-after": "1" }, ...refusal });
    const file = "notes/patience.md";
    const bead = await town.sling(`Write ${file}`, orderText(file, "Patience"));
    let waiting: Session | undefined;
    try {
      await town.seen("the wait", ({ kind, beadId, data }) => {
        return kind === "session.model_wait" && beadId === bead && data["waits"] === true;
      });
      expect(await town.why(bead)).toMatch(/is in progress: .* waits for its model \(.*\): .* until /s);
      expect(await town.why(bead)).toContain(refusal.words.slice(0, -1));
      [waiting] = await begunAt(town, bead);
      expect(waiting?.waitingOn).toMatchObject({ code: "model_quota", until: expect.any(String) });
    } finally {
      // The next test has a model that answers, whatever came of this one.
      trouble.end();
    }
    expect(await town.landed(`Write ${file}`)).toMatchObject({
      status: "closed",
      reason: "merged",
      runFailures: 0,
    });
    expect(await begunAt(town, bead)).toMatchObject([{ id: waiting?.id, outcome: "submitted" }]);
    expect(await town.git("show", `main:${file}`)).toBe("Patience");
  });

  it("asks a person where its role's policy says so, and heeds each answer", async (context) => {
    const town = here(context);
    const question = (title: RegExp): Promise<Escalation> =>
      town.until(`the question ${title.source}`, async () => {
        const { items } = await town.api().get(listOf(escalationShape), `${town.townPath}/escalations`);
        return items.find((one) => one.open && title.test(one.title));
      });
    await town.configure("permissions.polecat=ask");
    const bead = await town.sling("Write carefully", CAREFUL);

    const first = await question(/asks for permission/);
    // Neither the town's tools nor the agent's own list was asked for.
    expect(first).toMatchObject({
      category: "permission",
      title: expect.stringContaining("touch refused.txt"),
    });
    expect(await town.why(bead)).toContain("asks a person for permission: touch refused.txt");
    await town.world.must(["escalation", "resolve", first.id, "deny"]);

    const second = await question(/careful\.md/);
    await town.world.must(["escalation", "resolve", second.id, "allow_once"]);
    const third = await question(/git (add|commit)/);
    await town.world.must(["escalation", "resolve", third.id, "allow_session"]);
    expect(await town.landed("Write carefully")).toMatchObject({ status: "closed", reason: "merged" });
    const files = await town.git("ls-tree", "-r", "--name-only", "main");
    expect([files.includes("notes/careful.md"), files.includes("refused.txt")]).toEqual([true, false]);
    const sessions = await begunAt(town, bead);
    expect(sessions).toMatchObject([{ outcome: "submitted" }]);
    const said = await town.transcript(sessions[0]?.id);
    for (const words of ["Not allowed: touch refused.txt", REFUSED]) expect(said).toContain(words);
    const shown = town.model.requests.findLast(
      (one) => roleOf(one) === "polecat" && one.raw.includes(CAREFUL),
    );
    const answers = shown?.messages.filter(({ role }) => role === "tool").map(({ content }) => content);
    expect(answers).toEqual(expect.arrayContaining([expect.stringContaining(TODO)]));
    await town.world.must(["config", "unset", "permissions.polecat"]);
  });

  it.for(MOVED[id])(
    "moves %s with its conversation to the process that new settings need",
    async (_, context) => {
      const town = here(context);
      const look = async (): Promise<string> =>
        (await town.world.must(["mayor", LOOK, "--timeout", "200"])).stdout;
      expect(await look()).toContain("I see: no color");
      const before = town.processes();
      await town.configure("env.COLOR=green");
      expect(await look()).toContain("I see: COLOR=green");
      await town.world.must(["config", "unset", "env.COLOR"]);
      expect(await look()).toContain("I see: no color");

      expect(town.processes().length).toBeGreaterThan(before.length);
      const last = town.model.requests.findLast((one) => one.tools.length > 0 && roleOf(one) === "mayor");
      const answers = last?.messages.filter(({ role, content }) => {
        return role === "assistant" && content.includes("I see:");
      });
      // The two earlier answers are in the conversation that the model is shown for the third.
      expect(answers?.map(({ content }) => content.trim())).toEqual([
        "I see: no color",
        "I see: COLOR=green",
      ]);
      const mayors = (await town.sessions()).filter(({ role }) => role === "mayor");
      expect(mayors).toHaveLength(1);
      expect(town.model.problems).toEqual([]);
    },
  );
});
