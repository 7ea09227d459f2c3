/** The turn queue against an agent that a test drives by hand. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { RequestPermissionRequest } from "@agentclientprotocol/sdk";
import type { TurnReply } from "../agents/acp-agent.ts";
import type { PermissionPolicy } from "@gastown/protocol";
import type { Allowance } from "./permissions.ts";
import { Transcript } from "./transcript.ts";
import { turnFailure } from "./turn-outcome.ts";
import { Turns } from "./turns.ts";
import type { TurnEnd } from "./turns.ts";
import { UsageMeter } from "./usage-meter.ts";

const reply = (stopReason: string, tokens = 5): TurnReply => ({
  stopReason,
  usage: { input: tokens, output: tokens, total: 2 * tokens },
});

class HandAgent {
  readonly prompts: string[] = [];
  cancels = 0;
  kills = 0;
  answer: (reply: TurnReply) => void = () => undefined;
  fail: (error: Error) => void = () => undefined;

  prompt(text: string): Promise<TurnReply> {
    this.prompts.push(text);
    return new Promise((resolve, reject) => {
      this.answer = resolve;
      this.fail = reject;
    });
  }
  cancel(): Promise<void> {
    this.cancels += 1;
    return Promise.resolve();
  }
  kill(): void {
    this.kills += 1;
    this.fail(new Error("killed"));
  }
}

let agent: HandAgent;
let ends: TurnEnd[];
let turns: Turns;
let usage: UsageMeter;
let answers: number;
let policy: PermissionPolicy;
let decide: (allowance: Allowance) => void;
beforeEach(() => {
  vi.useFakeTimers();
  agent = new HandAgent();
  ends = [];
  answers = 0;
  policy = "allow_in_worktree";
  usage = new UsageMeter(0);
  turns = new Turns({
    transcript: new Transcript(() => undefined),
    usage,
    permission: () => policy,
    ask: (_, signal) =>
      new Promise((resolve) => {
        decide = resolve;
        signal.addEventListener("abort", () => resolve("cancelled"));
      }),
    quietMs: 120_000,
    cancelMs: 10_000,
    onAnswer: () => {
      answers += 1;
    },
    onEnd: (end) => ends.push(end),
  });
  turns.useAgent(agent);
});
afterEach(() => {
  vi.useRealTimers();
});

const add = (text: string, first = false): void =>
  turns.add({ text, source: "message", messageId: text }, first);
const tick = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

const asked: RequestPermissionRequest = {
  sessionId: "s",
  toolCall: { toolCallId: "t", title: "rm -rf /" },
  options: [
    { optionId: "a1", name: "always", kind: "allow_always" },
    { optionId: "a2", name: "once", kind: "allow_once" },
    { optionId: "r1", name: "no", kind: "reject_once" },
  ],
};

describe("turns", () => {
  it("go one at a time, urgent ones before those that wait", async () => {
    add("one");
    expect(turns.next()).toBe(true);
    add("two");
    add("three", true);
    expect(turns.next()).toBe(false);
    expect(agent.prompts).toEqual(["one"]);
    agent.answer(reply("end_turn"));
    await tick();
    expect(turns.next()).toBe(true);
    agent.answer(reply("end_turn"));
    await tick();
    turns.next();
    expect(agent.prompts).toEqual(["one", "three", "two"]);
    expect(ends.map(({ prompt }) => prompt.text)).toEqual(["one", "three"]);
    expect(usage.usage).toMatchObject({ tokens_in: 10, tokens_out: 10 });
  });

  it("that are silent for 120 s are cancelled by our own clock, whose count any update begins anew", async () => {
    add("one");
    turns.next();
    await tick(119_000);
    turns.update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: "hm" } });
    await tick(119_999);
    expect(agent.cancels).toBe(0);
    await tick(1);
    expect(agent.cancels).toBe(1);
    agent.answer(reply("end_turn", 0));
    await tick();
    expect(ends[0]).toMatchObject({ stalled: true, cancelled: true, answered: true });
  });

  it("tell once when the model answers, and not for what an agent says of itself", async () => {
    add("one");
    turns.next();
    turns.update({ sessionUpdate: "available_commands_update", availableCommands: [] });
    expect(answers).toBe(0);
    for (const text of ["a", "b"])
      turns.update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
    expect(answers).toBe(1);
    agent.answer(reply("end_turn"));
    await tick();
    turns.update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: "late" } });
    expect(answers).toBe(1);
    expect(ends[0]).toMatchObject({ answered: true, cancelled: false });
  });

  it("are left alone while a tool runs, however long", async () => {
    add("one");
    turns.next();
    turns.update({ sessionUpdate: "tool_call", toolCallId: "t", title: "npm test", status: "in_progress" });
    expect(turns.activeTools).toEqual(["npm test"]);
    await tick(3_600_000);
    expect(agent.cancels).toBe(0);
    turns.update({ sessionUpdate: "tool_call_update", toolCallId: "t", status: "completed" });
    expect(turns.activeTools).toEqual([]);
    await tick(120_000);
    expect(agent.cancels).toBe(1);
  });

  it("that do not end after a cancel cost their process", async () => {
    add("one");
    turns.next();
    const over = turns.end(0);
    await tick(9_999);
    expect(agent.kills).toBe(0);
    await tick(1);
    await over;
    expect([agent.cancels, agent.kills]).toEqual([1, 1]);
    expect(ends[0]?.reply).toBeNull();
  });

  it("may end by themselves within the grace that is given", async () => {
    add("one");
    turns.next();
    const over = turns.end(5_000);
    await tick(4_000);
    agent.answer(reply("end_turn"));
    await over;
    expect(agent.cancels).toBe(0);
  });
});

describe("a permission request", () => {
  const chose = (optionId: string) => ({ outcome: { outcome: "selected", optionId } });
  const cancelled = { outcome: { outcome: "cancelled" } };
  const begin = (text: string): void => {
    add(text);
    turns.next();
  };

  it("is allowed once, never always", async () => {
    begin("one");
    expect(await turns.permission(asked)).toEqual(chose("a2"));
  });

  it("is cancelled with its turn, and when no turn is running", async () => {
    expect(await turns.permission(asked)).toEqual(cancelled);
    begin("one");
    turns.cancel();
    expect(await turns.permission(asked)).toEqual(cancelled);
  });

  it("is rejected where the town denies, and the turn's end tells what", async () => {
    policy = "deny";
    begin("one");
    expect(await turns.permission(asked)).toEqual(chose("r1"));
    agent.answer(reply("end_turn"));
    await tick();
    expect(ends[0]?.denied).toEqual(["rm -rf /"]);
  });

  it("is a person's to decide where the town asks, who has all the time of the world", async () => {
    policy = "ask";
    begin("one");
    const answer = turns.permission(asked);
    expect(turns.activeTools).toEqual(["asks for permission: rm -rf /"]);
    await tick(3_600_000);
    expect(agent.cancels).toBe(0);
    decide("allow");
    expect(await answer).toEqual(chose("a2"));
    expect(turns.activeTools).toEqual([]);
    await tick(120_000);
    expect(agent.cancels).toBe(1);
  });

  it("that nobody has decided is cancelled with its turn", async () => {
    policy = "ask";
    begin("one");
    const answer = turns.permission(asked);
    turns.cancel();
    expect(await answer).toEqual(cancelled);
  });
});

describe("a turn's failure", () => {
  const end = (more: Partial<TurnEnd>): TurnEnd => ({
    prompt: { text: "x", source: "start", messageId: null },
    reply: reply("end_turn"),
    error: null,
    stalled: false,
    cancelled: false,
    answered: true,
    denied: [],
    ...more,
  });

  it("is an error of the agent", () => {
    const error = new Error("it broke");
    expect(turnFailure(end({ reply: null, error }))).toMatchObject({
      code: "agent_error",
      message: expect.stringContaining("it broke"),
    });
    expect(turnFailure(end({}))).toBeNull();
  });
});

describe("the usage meter", () => {
  it("takes money as the difference of the conversation's running total", () => {
    const meter = new UsageMeter(0.5);
    expect(meter.usage).toMatchObject({ usd: 0, usd_known: false });
    meter.update({
      sessionUpdate: "usage_update",
      used: 1,
      size: 2,
      cost: { amount: 0.75, currency: "USD" },
    });
    expect(meter.usage).toMatchObject({ usd: 0.25, usd_known: true });
    expect(meter.total).toBe(0.75);
  });
});
