/**
 * What every agent runtime has to be able to do, case by case (spec/runner.md §4), and what it cannot:
 * that is data in its row of the runtime table, and each case expects exactly what the row says.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RequestError } from "@agentclientprotocol/sdk";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { RUNTIMES, type Ability, type Runtime } from "../../packages/runner/src/agents/runtimes.ts";
import { processStartTime } from "../../packages/runner/src/processes/process-table.ts";
import type { ModelRequest } from "../real-agents/model-server.ts";
import { turnOf } from "./steps.ts";
import type { Conversation, Subject } from "./subject.ts";

/** A mode of the agent that asks before it runs a command; for those that have modes. */
const ASKING_MODE = "asker";
export const ASKING = {
  agent: {
    [ASKING_MODE]: {
      mode: "primary",
      description: "Asks first.",
      prompt: "You are under test.",
      permission: { bash: "ask" },
    },
  },
};

/** Runs every case against one agent. `begin` skips the test where the agent cannot be had. */
export function conformance(
  id: string,
  begin: (context: { skip(why: string): never }) => Promise<Subject>,
): void {
  const runtime = rowOf(id);
  const can = (ability: Ability): boolean => !(runtime.conformance?.cannot ?? []).includes(ability);

  describe(`the runtime ${id}`, () => {
    let begun: Subject | undefined;
    let why: string | undefined;
    let a: Conversation;
    let b: Conversation;
    beforeAll(async () => {
      const skip = (reason: string): never => {
        why = reason;
        throw new Error(reason);
      };
      begun = await begin({ skip }).catch((thrown: unknown) => {
        if (why === undefined) throw thrown;
        return undefined;
      });
    });
    afterAll(() => begun?.end());
    const here = ({ skip }: TestContext): Subject => begun ?? skip(why ?? "The agent did not begin.");
    const requests = (subject: Subject): readonly ModelRequest[] =>
      (subject.options.model?.server.requests ?? []).filter(({ tools }) => tools.length > 0);

    it("starts and says what it can do", async (context) => {
      const { load, resume } = (await here(context).agent).capabilities;
      expect(load || resume).toBe(runtime.supportsLoad);
    });

    it("has sessions in directories of their own, each with its own tools, in one process", async (context) => {
      const subject = here(context);
      a = await subject.open("a");
      const before = subject.processes();
      b = await subject.open("b");
      expect(subject.processes()).toEqual(before);
      expect([...subject.town.listed].toSorted()).toEqual(["a", "b"]);
      for (const one of [a, b]) {
        await one.turn({ call: "gt_status" }, { say: "done" });
        expect(lastCall(subject)).toEqual([one.opened.name, `token-of-${one.opened.name}`]);
      }
    });

    it(`can${can("own_tools") ? "" : "not"} keep the tools of two sessions in one directory apart`, async (context) => {
      const subject = here(context);
      const first = await subject.open("first", "shared");
      await subject.open("second", "shared");
      await first.turn({ call: "gt_status" });
      const owner = can("own_tools") ? "first" : "second";
      expect(lastCall(subject)).toEqual([owner, `token-of-${owner}`]);
    });

    it("answers a prompt as it is said, and tells why the turn ended and what it used", async (context) => {
      const subject = here(context);
      const hold = subject.hold();
      let over = false;
      const turn = a.turn({ say: "Once upon a time." }, hold, { say: "The end." });
      void turn.then(() => (over = true));
      await a.heard("Once upon a time.");
      expect([over, a.said.includes("The end.")]).toEqual([false, false]);
      hold.release();
      const { stopReason, usage } = await turn;
      expect(stopReason).toBe("end_turn");
      expect(a.said).toMatch(/Once upon a time\.[^]*The end\./);
      expect((usage?.total ?? 0) > 0).toBe(runtime.reportsUsage);
    });

    it("ends a turn that is cancelled, also while nothing comes, and takes the next", async (context) => {
      const subject = here(context);
      const hold = subject.hold();
      const turn = a.turn(hold, { say: "never said" });
      await hold.reached;
      await a.cancel();
      expect((await turn).stopReason).toBe("cancelled");
      hold.release();
      expect((await a.turn({ say: "I am back." })).stopReason).toBe("end_turn");
      expect(a.said).toContain("I am back.");
      expect(a.said).not.toContain("never said");
    });

    it(`${can("second_prompt") ? "answers" : "does not answer"} each prompt that comes while it is busy`, async (context) => {
      const subject = here(context);
      const hold = subject.hold();
      const first = a.turn(hold, { say: "first answer" });
      await hold.reached;
      const others = ["second", "third"].map((one) => a.turn({ say: `${one} answer` }));
      const settled = Promise.allSettled(others);
      if (subject.options.model === null) await settled;
      // Two round trips: by then it has taken in what came before them.
      else for (let i = 0; i < 2; i += 1) await a.set("model", "local/plain");
      hold.release();
      expect((await first).stopReason).toBe("end_turn");
      const refused = (await settled).map(
        (one) => one.status === "rejected" && one.reason instanceof RequestError,
      );
      expect(refused).toEqual(others.map(() => subject.options.model === null));
      // What it cannot: it refuses them, or takes all that wait as one.
      expect(a.said.includes("second answer")).toBe(can("second_prompt"));
      expect(a.said.includes("third answer")).toBe(subject.options.model !== null);
    });

    it(`can${can("model_change") ? "" : "not"} change the model of one session while it lives`, async (context) => {
      const subject = here(context);
      expect(a.opened.options.includes("model")).toBe(can("model_change"));
      if (!can("model_change")) return;
      await a.set("model", "local/coder");
      // A runtime that asks no model server has nothing more to show.
      if (subject.options.model === null) return;
      await expect(a.set("model", "local/nobody-has-this")).rejects.toBeInstanceOf(RequestError);
      for (const one of [a, b]) await one.turn({ say: "which?" });
      expect(
        requests(subject)
          .slice(-2)
          .map(({ model }) => model),
      ).toEqual(["coder", "plain"]);
    });

    it(`${can("permission") ? "asks" : "does not ask"} before it acts, and heeds the answer`, async (context) => {
      here(context);
      if (can("permission")) await b.set("mode", ASKING_MODE);
      await b.turn({ shell: "echo allowed > allowed.txt" }, { say: "acted" });
      expect(readFileSync(join(b.opened.cwd, "allowed.txt"), "utf8")).toBe("allowed\n");
      expect(b.asked.length > 0).toBe(can("permission"));
      if (!can("permission")) return;
      b.policy = "deny";
      expect((await b.turn({ shell: "echo denied > denied.txt" })).stopReason).toBe("end_turn");
      expect(() => readFileSync(join(b.opened.cwd, "denied.txt"))).toThrow("ENOENT");
    });

    describe.runIf(can("model_retry"))("whose model", () => {
      it.each([
        ["is overloaded", { refuseOnce: 429, headers: { "retry-after": "1" } }],
        ["fails once", { refuseOnce: 500 }],
      ] as const)("%s, asks it again", async (_, step) => {
        if (begun === undefined) return;
        expect((await a.turn(step)).stopReason).toBe("end_turn");
        const asked = requests(begun);
        expect(asked.slice(-2).map(turnOf)).toEqual(
          asked.slice(-1).flatMap((one) => [turnOf(one), turnOf(one)]),
        );
      });

      it("refuses for good, ends the turn with its words", async (context) => {
        here(context);
        await expect(a.turn({ refuse: 400 })).rejects.toThrow(/Refused with 400/);
      });
    });

    it("that dies in a turn breaks it off, leaves nothing running, and is followed by one that goes on", async (context) => {
      const subject = here(context);
      const hold = subject.hold();
      const left = "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $! > pid";
      const turn = a.turn({ shell: left }, hold);
      const broken = turn.then(
        () => "not at all",
        (error: unknown) => error,
      );
      await hold.reached;
      const died = subject.process;
      process.kill(died.pid, "SIGKILL");
      expect(await broken).toBeInstanceOf(Error);
      expect((await died.dead).cause).toBe("exit");
      expect(processStartTime(Number(readFileSync(join(a.opened.cwd, "pid"), "utf8")))).toBeNull();
      expect(subject.processes()).toEqual([]);

      subject.restart();
      await (await subject.agent).reopen(a.opened.id, a.opened.cwd, subject.server("a", "another-token"));
      await a.bind();
      await a.turn({ call: "gt_status" }, { say: "goes on" });
      expect(a.said).toContain("goes on");
      expect(lastCall(subject)).toEqual(["a", "another-token"]);
      const remembered = requests(subject).at(-1)?.raw.includes("Once upon a time.") ?? false;
      expect(remembered).toBe(can("memory"));
    });
  });
}

function rowOf(id: string): Runtime {
  const runtime = RUNTIMES[id];
  if (runtime === undefined) throw new Error(`There is no runtime "${id}".`);
  return runtime;
}

/** Who called a tool last, with which token. */
function lastCall({ town }: Subject): [session: string | undefined, token: string | undefined] {
  const call = town.calls.findLast(({ tool }) => tool === "gt_status");
  return [call?.session, call?.token];
}
