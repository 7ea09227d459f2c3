/** Providers' words, most of them as Kilo 7.7.7 and OpenCode 1.18.33 passed them on from a model server. */
import { RequestError } from "@agentclientprotocol/sdk";
import { describe, expect, it } from "vitest";
import { RUNTIMES } from "../agents/runtimes.ts";
import { resetTime } from "./reset-time.ts";
import { inWords, modelTrouble, type EndedTurn } from "./trouble.ts";

const NOW = Date.parse("2026-11-26T12:00:00Z");
const at = (time: string): number => Date.parse(`2026-11-${time}Z`);

describe("a provider's words", () => {
  it.each([
    ["Internal error: Too Many Requests", "limited"],
    [
      "Internal error: You exceeded your current quota, please check your plan and billing details.",
      "limited",
    ],
    ["Internal error: Insufficient credits. Add more using https://openrouter.ai/credits", "limited"],
    ["Your credit balance is too low to access the Anthropic API.", "limited"],
    ["This request would exceed your account's rate limit. Please try again later.", "limited"],
    ["Claude AI usage limit reached|1795000000", "limited"],
    ["You've hit your usage limit. Upgrade to Pro or try again at 3:05 PM.", "limited"],
    ["You've hit your 5-hour limit · resets 3pm", "limited"],
    ["Resource has been exhausted (e.g. check quota).", "limited"],
    ["Refused with 429.", "limited"],
    ["Internal error: Overloaded", "overloaded"],
    ["AI_RetryError: Failed after 3 attempts. Last error: Overloaded", "overloaded"],
    ["The model is overloaded. Please try again later.", "overloaded"],
    ["Internal error: Service Unavailable", "overloaded"],
    ["Internal error: Bad Gateway", "unreachable"],
    ["Cannot connect to API: Unable to connect. Is the computer able to access the url?", "unreachable"],
    ["Internal error: Cannot connect to API: connect ECONNREFUSED 127.0.0.1:1", "unreachable"],
    ["Internal error: The socket connection was closed unexpectedly.", "unreachable"],
    ["getaddrinfo EAI_AGAIN api.anthropic.com", "unreachable"],
  ] as const)("%j are a pause", (text, kind) => {
    expect(inWords(text, NOW)).toMatchObject({ kind });
  });

  it.each([
    "Internal error: Internal server error",
    "Internal error: Incorrect API key provided",
    "Internal error: Refused with 400.",
    "Internal error: prompt is too long: 210429 tokens > 200000 maximum",
    "This model's maximum context length is 128000 tokens. Your limit reached 130000.",
    "model not found: nowhere/nothing",
    "Internal error: the tool bash failed with exit code 1",
  ])("%j are the turn's own failure", (text) => {
    expect(inWords(text, NOW)).toBeNull();
  });

  it("are told to people without what the runtime put before them, and on one line", () => {
    expect(inWords("Internal error: Overloaded.\nat somewhere", NOW)?.message).toBe(
      "its model's provider says: Overloaded",
    );
  });
});

describe("a reset time", () => {
  it.each([
    ["Rate limit reached for gpt-x on tokens per min. Please try again in 10m0s.", at("26T12:10:00")],
    ["Please try again in 6ms.", NOW + 6],
    ["Please retry in 34.07s.", NOW + 34_070],
    ["try again in 2 days 3 hours", at("28T15:00:00")],
    ["Retry after 30 seconds", NOW + 30_000],
    ["too many requests; retry-after: 90", NOW + 90_000],
    ['{"responseHeaders":{"retry-after":"3"}}', NOW + 3_000],
    ['{"responseHeaders":{"retry-after-ms":"1500"}}', NOW + 1_500],
    [`Claude AI usage limit reached|${NOW / 1_000 + 3_600}`, at("26T13:00:00")],
    ["Your limit resets at 2026-11-26T15:00:00Z", at("26T15:00:00")],
    ["limit reached, resets 2026-11-26 15:30 UTC", at("26T15:30:00")],
    ["5-hour limit reached, resets 3pm (UTC)", at("26T15:00:00")],
    ["5-hour limit reached, resets at 9:30 am UTC", at("27T09:30:00")],
  ])("is read from %j", (text, expected) => {
    expect(resetTime(text, NOW)).toBe(expected);
  });

  it("in a time of day is that of this machine's clock, where it names no zone", () => {
    const wanted = new Date(NOW);
    wanted.setHours(23, 59, 0, 0);
    expect(resetTime("try again at 11:59 PM.", NOW)).toBe(wanted.getTime());
  });

  it.each([
    "Overloaded",
    "try again later",
    "Claude AI usage limit reached|1000000000",
    "resets at 9999999999",
    "The limit of 3 files is reached",
  ])("is not made up from %j", (text) => {
    expect(resetTime(text, NOW)).toBeNull();
  });
});

describe("the end of a turn", () => {
  const tokens = (n: number) => ({ input: n, output: n, total: 2 * n });
  const end = (more: Partial<EndedTurn>): EndedTurn => ({
    reply: { stopReason: "end_turn", usage: tokens(5) },
    error: null,
    stalled: false,
    cancelled: false,
    ...more,
  });
  const trouble = (more: Partial<EndedTurn>, runtime = "kilo") =>
    modelTrouble(end(more), RUNTIMES[runtime], NOW);
  const refused = (message: string, data?: unknown) => ({
    reply: null,
    error: new RequestError(-32_603, message, data),
  });

  it("with an answer is no trouble", () => {
    expect(trouble({})).toBeNull();
  });

  it("in a provider's words is, also where they are in the error's data", () => {
    const data = { service: "session", errorName: "APIError" };
    expect(trouble(refused("Internal error: Overloaded", data))).toMatchObject({ kind: "overloaded" });
    expect(
      trouble(refused("Internal error", { details: "429 rate limit, retry after 5 seconds" })),
    ).toMatchObject({
      kind: "limited",
      until: NOW + 5_000,
    });
    expect(trouble(refused("Internal error: I have a bug", data))).toBeNull();
  });

  it("by the death of the agent is not, whatever that says of connections", () => {
    expect(trouble({ reply: null, error: new Error("ACP connection closed") })).toBeNull();
    expect(trouble({ reply: null, error: new Error("connection reset"), stalled: true })).toBeNull();
  });

  it("by our own clock is, where the agent itself still answers", () => {
    const cancelled = {
      reply: { stopReason: "cancelled", usage: tokens(0) },
      stalled: true,
      cancelled: true,
    };
    expect(trouble(cancelled)).toMatchObject({ kind: "silent" });
    expect(trouble({ ...refused("aborted"), stalled: true, cancelled: true })).toMatchObject({
      kind: "silent",
    });
  });

  it("without a token is, for runtimes that report them, unless somebody cancelled it", () => {
    const empty = { reply: { stopReason: "end_turn", usage: tokens(0) } };
    expect(trouble(empty)).toMatchObject({ kind: "silent" });
    expect(trouble(empty, "claude")).toBeNull();
    expect(trouble({ ...empty, cancelled: true })).toBeNull();
    expect(trouble({ reply: { stopReason: "end_turn", usage: null } })).toBeNull();
    expect(trouble({ reply: { stopReason: "cancelled", usage: tokens(0) } })).toBeNull();
  });
});
