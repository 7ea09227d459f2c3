/**
 * One question to a model (spec/review.md §4.3). The failures: an answer that keeps a process, a directory or
 * a tool; an agent that never answers and keeps the next question waiting.
 */
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Control, World } from "../testing/harness.ts";
import { newId } from "../ulid.ts";

let world: World;
beforeEach(async () => {
  world = new World();
  await world.town.start();
});
afterEach(() => world.close());

const QUESTION = `# Which of these review threads block?

## Thread 1 on a.ts:1

scanner (bot): FYI, all is well

## Thread 2 on the whole change

scanner (bot): this is wrong`;

const question = (more: object = {}) => ({
  effect_id: newId("effect"),
  attempt: 1,
  runtime: "scripted",
  model: "small-1",
  env: {},
  process_idle_minutes: 5,
  prompt: QUESTION,
  ...more,
});

/** Asks, and waits for the outcome. */
async function outcomeOf(control: Control, asked: ReturnType<typeof question>): Promise<unknown> {
  await control.post("/agents/ask", asked);
  const told = () => world.town.effects.find(({ effect }) => effect === asked.effect_id);
  return (await world.town.facts.until("the answer", told)).result;
}

const directories = (): string[] =>
  readdirSync(join(world.root, "questions")).filter((name) => name.startsWith("q-"));

it("is answered by an agent without tools, which leaves no directory behind", async () => {
  const control = new Control(await world.runner({}));
  expect(await outcomeOf(control, question())).toEqual({
    outcome: "answered",
    text: '[scripted] {"threads":[{"thread":1,"blocking":false},{"thread":2,"blocking":true}]}\n',
  });
  expect(directories()).toEqual([]);
});

it("of a runner that was killed leaves nothing behind once the next one boots", async () => {
  const left = join(world.root, "questions", "q-left");
  mkdirSync(left, { recursive: true });
  await world.runner({});
  expect(existsSync(left)).toBe(false);
});

it("shares a warm process with the next one", async () => {
  const control = new Control(await world.runner({}));
  for (const asked of [question(), question()]) await outcomeOf(control, asked);
  expect(world.logs.filter(({ event }) => event === "agent.process_started")).toHaveLength(1);
});

it("ends with an error when the agent hangs", async () => {
  const control = new Control(await world.runner({ minuteMs: 500 }));
  const hanging = question({ env: { SCRIPTED_MISBEHAVIOR: "no_session" } });
  expect(await outcomeOf(control, hanging)).toMatchObject({ outcome: "error" });
  expect(directories()).toEqual([]);
});

it("of a model that is not offered, or for an agent that is not there, is an error", async () => {
  const control = new Control(await world.runner({}));
  for (const wrong of [question({ model: "unknown-model" }), question({ runtime: "nobody" })])
    expect(await outcomeOf(control, wrong)).toMatchObject({ outcome: "error" });
});
