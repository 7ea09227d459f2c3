/**
 * The race: an agent asks for permission in the middle of its turn, and the person who is to answer takes their
 * time. Its conversation stands still until there is an answer, and its bead looks like one that is stuck.
 *
 * What must hold: the question is one item that needs a person, with what the agent wants to do; `bead why`
 * says so; the answer reaches the agent at once, and the work lands in the same session. A refusal is told to
 * the agent, which goes on without.
 */
import { escalationShape } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { listOf } from "../../apps/node/src/cli/target.ts";
import { everythingLanded } from "./proof.ts";
import { startTown } from "./start-town.ts";

describe("an agent that asks for permission", () => {
  it("waits for a person's answer and works on with it in the same session", async () => {
    const town = await startTown({ config: { permissions: { polecat: "ask" } } });
    const question = (title: string): Promise<string> =>
      town.until(`the question ${title}`, async () => {
        const { items } = await town.api().get(listOf(escalationShape), `${town.townPath}/escalations`);
        const found = items.find((one) => one.open && one.title.endsWith(title));
        expect(found?.category ?? "permission").toBe("permission");
        return found?.id;
      });
    const allowed = await town.sling("Ask and do", {
      steps: [{ permission: { title: "make a" } }, { run: "echo a > a.txt" }, ...town.commit("Ask and do")],
    });
    const id = await question("make a");
    const why = await town.world.must(["bead", "why", allowed]);
    expect(why.stdout).toContain("asks a person for permission: make a");
    await town.world.must(["escalation", "resolve", id, "allow_once"]);
    await town.land([allowed]);

    const refused = await town.sling("Ask and do without", {
      steps: [{ permission: { title: "make b" } }, { run: "echo b > b.txt" }, ...town.commit("Never done")],
      later: [{ run: "echo c > c.txt" }, ...town.commit("Do without"), { done: "Did without" }],
    });
    await town.world.must(["escalation", "resolve", await question("make b"), "deny"]);
    await town.land([refused]);
    for (const bead of [allowed, refused])
      expect(await town.sessions(bead)).toMatchObject([{ outcome: "submitted" }]);
    await everythingLanded(town, [allowed, refused]);
  });
});
