/**
 * Tools or nothing (spec/runner.md §3). The failure: an agent that was started, looks alive and has
 * none of the town's tools, or another session's, is prompted and works where nobody sees it.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SessionEnded, StartRequest } from "@gastown/protocol";
import { Control, script, World } from "../testing/harness.ts";

const KINDS = ["no_tools", "foreign_tools", "no_session", "silent"] as const;
type Kind = (typeof KINDS)[number];

const work = script({ steps: [{ write: { path: "a.txt", content: "a\n" } }] });
const starts = new Map<Kind | "again" | "resumed", StartRequest>();
let world: World;
let control: Control;

/** All at once: each waits for its own time limit. */
beforeAll(async () => {
  world = new World();
  await world.town.start();
  control = new Control(await world.runner({ toolsMs: 3_000, initializeMs: 12_000 }));
  for (const kind of KINDS) starts.set(kind, misbehaving(kind));
  starts.set("resumed", { ...misbehaving("no_tools"), resume: true, resume_from: "scripted-1-1" });
  await Promise.all([...starts.values()].map((start) => control.post("/agents/start", start)));
  await Promise.all([...starts.values()].map((start) => world.town.endOf(start.session_id)));
  const again = misbehaving("no_tools");
  starts.set("again", again);
  await control.post("/agents/start", again);
  await world.town.endOf(again.session_id);
});
afterAll(() => world.close());

function misbehaving(kind: Kind): StartRequest {
  const start = world.start(work);
  return { ...start, settings: { ...start.settings, env: { SCRIPTED_MISBEHAVIOR: kind } } };
}

function startOf(which: Kind | "again" | "resumed"): StartRequest {
  const start = starts.get(which);
  if (start === undefined) throw new Error(`${which} was not started`);
  return start;
}

/** Why it was refused; nothing of it may look like a prompt. */
function refusal(start: StartRequest): SessionEnded["reason"] {
  const of = (one: { session: string }): boolean => one.session === start.session_id;
  const ended = world.town.ended.filter(of);
  expect(ended).toMatchObject([{ outcome: "refused", work_ref: null }]);
  expect(world.town.calls.filter(of)).toEqual([]);
  expect(world.town.itemsOf(start.session_id).map(({ type }) => type)).toEqual(["start", "end"]);
  expect(world.town.statuses.filter(of).map(({ phase }) => phase)).not.toContain("first_turn");
  const shown = world.town.heartbeats.flatMap(({ sessions }) => sessions);
  expect(shown.filter(({ session_id, prompted }) => session_id === start.session_id && prompted)).toEqual([]);
  return ended[0]?.reason ?? { code: "none", message: "" };
}

describe("an agent that", () => {
  it("never asks for its tools is refused as tools_missing, with what it said on stderr", () => {
    const start = startOf("no_tools");
    expect(refusal(start)).toMatchObject({
      code: "tools_missing",
      phase: "tools",
      message: 'The agent "scripted" did not list this session\'s tools within 3 s.',
      action: `Check that the agent speaks MCP over HTTP and reaches this runner on 127.0.0.1, and the runner ${start.mcp.url}.`,
      stderr_tail: expect.stringContaining("[scripted] I do not ask for my tools."),
    });
  });

  it("lists the tools of somebody else is refused as tools_missing", () => {
    expect(refusal(startOf("foreign_tools"))).toMatchObject({
      code: "tools_missing",
      phase: "tools",
      stderr_tail: expect.stringContaining("I ask for the tools of somebody else."),
    });
  });

  it("never opens its session is refused as tools_missing, in the phase of the handshake", () => {
    expect(refusal(startOf("no_session"))).toMatchObject({
      code: "tools_missing",
      phase: "handshake",
      action: expect.stringContaining("stderr"),
      stderr_tail: "[scripted] I do not answer session/new.",
    });
  });

  it("says something on stderr has all of it in a log, which the town is told of", async () => {
    const { session_id: id } = startOf("no_session");
    const [ended] = world.town.ended.filter(({ session }) => session === id);
    const logs = ended?.logs ?? [];
    expect(logs).toMatchObject([{ kind: "stderr" }]);
    const { body } = await control.get(`/logs/${logs[0]?.log_id}`);
    expect(body).toBe("[scripted] I do not answer session/new.\n");
  });

  it("never answers at all is refused in the phase of its process", () => {
    expect(refusal(startOf("silent"))).toMatchObject({
      code: "handshake_timeout",
      phase: "process",
      stderr_tail: "[scripted] I do not answer initialize.",
    });
  });

  it("has no tools any more after a restart is not prompted either", () => {
    expect(refusal(startOf("resumed"))).toMatchObject({ code: "tools_missing", phase: "tools" });
  });
});

describe("a process whose handshake failed", () => {
  it("is not given to the next start, and ends", async () => {
    refusal(startOf("again"));
    const processes = (event: string): number => world.logs.filter((one) => one.event === event).length;
    // Two of the first five share one.
    expect(processes("agent.process_started")).toBe(5);
    await world.town.facts.until("their end", () => processes("agent.process_ended") === 5);
  });
});
