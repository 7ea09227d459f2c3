import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SessionUpdate } from "@agentclientprotocol/sdk";
import type { NewItem } from "../callbacks/outbox.ts";
import { Transcript } from "./transcript.ts";

let stored: NewItem[][];
let transcript: Transcript;
beforeEach(() => {
  vi.useFakeTimers();
  stored = [];
  transcript = new Transcript(
    (items) => stored.push([...items]),
    () => 7,
  );
});
afterEach(() => {
  vi.useRealTimers();
});

const chunk = (
  text: string,
  sessionUpdate: "agent_message_chunk" | "agent_thought_chunk" = "agent_message_chunk",
): SessionUpdate => ({
  sessionUpdate,
  content: { type: "text", text },
});
const updates = (): unknown[] => stored.flat().map(({ data }) => data["update"]);

describe("the transcript", () => {
  it("joins chunks of one message for at most 250 ms", () => {
    for (const text of ["Hel", "lo ", "there"]) transcript.update(chunk(text));
    vi.advanceTimersByTime(249);
    expect(stored).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(updates()).toEqual([chunk("Hello there")]);
    transcript.update(chunk("more"));
    vi.advanceTimersByTime(250);
    expect(updates()).toEqual([chunk("Hello there"), chunk("more")]);
  });

  it("keeps thoughts, messages and what stands between them apart and in order", () => {
    transcript.update(chunk("a", "agent_thought_chunk"));
    transcript.update(chunk("b"));
    transcript.update({ sessionUpdate: "tool_call", toolCallId: "t1", title: "run" });
    transcript.update(chunk("c"));
    transcript.update(chunk("d"));
    transcript.flush();
    expect(updates()).toMatchObject([
      chunk("a", "agent_thought_chunk"),
      chunk("b"),
      { toolCallId: "t1" },
      chunk("cd"),
    ]);
  });

  it("stores at once what has grown to 64 kB", () => {
    transcript.update(chunk("x".repeat(64_000)));
    expect(stored).toHaveLength(1);
  });

  it("has one item per tool call, in its place, with its latest state", () => {
    transcript.update({
      sessionUpdate: "tool_call",
      toolCallId: "t1",
      title: "run tests",
      kind: "execute",
      status: "in_progress",
    });
    transcript.update(chunk("meanwhile"));
    transcript.update({
      sessionUpdate: "tool_call_update",
      toolCallId: "t1",
      status: "completed",
      title: null,
    });
    transcript.flush();
    const done = {
      sessionUpdate: "tool_call",
      toolCallId: "t1",
      title: "run tests",
      kind: "execute",
      status: "completed",
    };
    expect(updates()).toEqual([done, chunk("meanwhile")]);
  });

  it("repeats the whole state of a tool call that was stored before", () => {
    transcript.update({
      sessionUpdate: "tool_call",
      toolCallId: "t1",
      title: "run tests",
      status: "in_progress",
    });
    transcript.flush();
    transcript.update({ sessionUpdate: "tool_call_update", toolCallId: "t1", status: "failed" });
    transcript.flush();
    expect(updates()).toMatchObject([
      { toolCallId: "t1", status: "in_progress" },
      { toolCallId: "t1", title: "run tests", status: "failed" },
    ]);
  });

  it("keeps only the latest of plans and usage within the window", () => {
    transcript.update({ sessionUpdate: "usage_update", used: 1, size: 10 });
    transcript.update({ sessionUpdate: "usage_update", used: 2, size: 10 });
    transcript.flush();
    expect(updates()).toEqual([{ sessionUpdate: "usage_update", used: 2, size: 10 }]);
  });

  it("cuts long tool output in its middle and says how much is missing", () => {
    const text = `begin${"x".repeat(50_000)}end`;
    const content = [{ type: "content" as const, content: { type: "text" as const, text } }];
    transcript.update({ sessionUpdate: "tool_call_update", toolCallId: "t1", status: "completed", content });
    transcript.flush();
    const whole = JSON.stringify(updates());
    expect(whole.length).toBeLessThan(17_000);
    expect(whole).toContain("34008 characters left out");
    expect(whole).toMatch(/begin[\s\S]*end/);
  });

  it("marks turns with their number and why they began", () => {
    transcript.turnStarted("message", "hello");
    transcript.turnEnded("end_turn");
    expect(stored.flat()).toEqual([
      { at: 7, type: "turn", data: { turn: 1, phase: "started", promptSource: "message", text: "hello" } },
      { at: 7, type: "turn", data: { turn: 1, phase: "ended", stopReason: "end_turn" } },
    ]);
  });
});
