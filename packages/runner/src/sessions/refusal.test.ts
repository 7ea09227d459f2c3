/** What a person sees when a start fails (spec/runner.md §7): code, phase, message and what to do, always. */
import { RetryableError, TerminalError } from "@gastown/protocol";
import { describe, expect, it } from "vitest";
import { GitFailure } from "../git/index.ts";
import { reasonOf, StartRefusal } from "./refusal.ts";

const own = { code: "tools_missing", phase: "tools" as const, message: "No tools.", action: "Look." };
const git = { phase: "repository" as const, code: "network" as const, message: "Away.", action: "Reach it." };
const typed = new TerminalError("runtime_missing", "Not installed.", { action: "Install it." });

describe("the reason of a failed start", () => {
  it.each([
    ["of ours is taken as it is", new StartRefusal(own), own],
    ["of git as well", new GitFailure(git), git],
    [
      "with a code has the phase in which it came",
      typed,
      { code: "runtime_missing", phase: "process", message: "Not installed.", action: "Install it." },
    ],
    [
      "without advice has some",
      new RetryableError("draining", "Ends."),
      {
        code: "draining",
        phase: "process",
        message: "Ends.",
        action: expect.stringMatching(/tried again by itself/),
      },
    ],
    [
      "that nobody foresaw is told with its words",
      new Error("no space left"),
      {
        code: "runner_error",
        phase: "process",
        message: "no space left",
        action: expect.stringMatching(/log of the runner/),
      },
    ],
  ])("%s", (_name, thrown, reason) => expect(reasonOf(thrown, "process")).toEqual(reason));

  it("has the last words of its agent, and is cut to what the contract takes", () => {
    const reason = reasonOf(new Error("x".repeat(9_000)), "process", "y".repeat(20_000));
    expect([reason.message.length, reason.stderr_tail?.length]).toEqual([4_000, 16_000]);
    expect(reasonOf(new StartRefusal({ ...own, stderr_tail: "mine" }), "process", "other").stderr_tail).toBe(
      "mine",
    );
  });
});
