/** A log that is followed while it is written: what a person sees of a setup that takes its time. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { beadShape, feedEntry, sessionShape } from "@gastown/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { World } from "../testing/executable.ts";
import { listOf } from "./target.ts";

const world = new World();
beforeAll(async () => {
  await world.up();
  await world.repository();
  await world.must(["init", "--json"], { cwd: join(world.root, "app.git-seed") });
});
afterAll(() => world.end());

/** Resolves when its setup has a log. */
async function setUpBegan(beadId: string): Promise<void> {
  const child = world.spawn(["events", "--follow", "--limit", "200", "--json"]);
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = feedEntry.parse(JSON.parse(line));
    if (entry.kind !== "session.log_begun" || entry.beadId !== beadId) continue;
    child.kill("SIGINT");
    return;
  }
  throw new Error("The events ended before the setup began.");
}

it("shows a session's setup as it goes, ends with it, and shows the same afterwards", async () => {
  const pipe = join(world.root, "pipe");
  execFileSync("mkfifo", [pipe]);
  const command = `echo begun; cat '${pipe}'`;
  await world.must(["config", "set", `setup=${JSON.stringify([{ command }])}`, "--rig", "app"]);
  const bead = (await world.must(["sling", "Set it up", "--body", "Any", "--json"])).json(beadShape);
  await setUpBegan(bead.id);
  const { items } = (await world.must(["session", "list", "--json"])).json(listOf(sessionShape));
  const session = items.find(({ beadId }) => beadId === bead.id)?.id ?? "";
  const child = world.spawn(["log", session, "--setup", "--follow"]);
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    // Its reader waits for this.
    if (line === "begun") writeFileSync(pipe, "goes on\n");
  }
  expect(lines).toEqual([`$ ${command}`, "begun", "goes on", "(ended with 0)"]);
  expect((await world.must(["log", session, "--setup"])).stdout).toBe(`${lines.join("\n")}\n`);
});
