/**
 * `gastown config set --secret`, from the person who types it to the agent and the gate that need it. The
 * failures: it lies in a file of the host, an answer or a log shows it, it does not arrive, or it arrives in
 * other letters.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { everythingLanded } from "./faults/proof.ts";
import { startTown } from "./faults/start-town.ts";

/** Nothing in its name or its look says that it is one, and not all of it is Latin. */
const SECRET = "harbor-\u6e2f-of-nobody-7731";
const MASK = "****7731";

/** Files of the host, its towns, its runners and their work, that hold these bytes. */
function filesWith(dir: string, bytes: Buffer): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name);
    return entry.isFile() && readFileSync(path).includes(bytes) ? [path] : [];
  });
}

describe("a variable that a person says is secret", () => {
  it("is sealed at rest, masked in every answer, and reaches agent and gate as it was given", async () => {
    const town = await startTown({
      config: {
        review: {
          gates: [{ name: "looks", command: `printf %s "$CITY" > "$SEEN_BY_GATE"; echo "is $CITY"` }],
        },
      },
    });
    const { world } = town;
    const [byAgent, byGate] = [join(world.root, "agent-saw"), join(world.root, "gate-saw")];
    await world.must(["config", "set", `env.SEEN_BY_GATE=${byGate}`]);
    const inArguments = await world.run(["config", "set", "--secret", `env.CITY=${SECRET}`]);
    expect([inArguments.code, inArguments.stderr]).toEqual([
      2,
      expect.stringContaining("config set --secret env.CITY"),
    ]);
    const set = await world.must(["config", "set", "--secret", "env.CITY"], { input: `${SECRET}\n` });
    expect(set.stdout).toContain("Changed: env");
    const long = await world.run(["config", "set", "--secret", "env.CITY"], {
      input: "\u6e2f".repeat(3_000),
    });
    expect(long.code).not.toBe(0);
    expect(long.stderr).toContain("env.CITY has 9000 bytes of UTF-8; a variable may have 8192");

    const bead = await town.sling("Look around", {
      steps: [
        { run: `printf %s "$CITY" > '${byAgent}'; echo "the city is $CITY"` },
        { write: { path: "a.txt", content: "a\n" } },
        ...town.commit("Look around"),
      ],
    });
    await town.land([bead]);
    expect(readFileSync(byAgent, "utf8")).toBe(SECRET);
    expect(readFileSync(byGate, "utf8")).toBe(SECRET);

    const shown = [
      await world.must(["config", "get"]),
      await world.must(["config", "get", "--effective"]),
      await world.must(["config", "get", "env.CITY"]),
      await world.must(["config", "get", "--effective", "--rig", "app"]),
    ].map(({ stdout }) => stdout);
    for (const text of shown) expect(text).toContain(MASK);
    const sessions = await town.sessions();
    const transcripts = await Promise.all(sessions.map(({ id }) => town.transcript(id)));
    expect(transcripts.join("")).toContain("the city is [secret]");
    const answers = ["", "/config", "/events", "/sessions", `/beads/${bead}`, "/status"];
    const bodies = await Promise.all(
      answers.map(async (path) => {
        const answer = await town.api().raw("GET", `${town.townPath}${path}`);
        return JSON.stringify([path, answer]);
      }),
    );
    bodies.push(await readAll(await town.api().download(`${town.townPath}/export`)));
    for (const text of [...shown, ...transcripts, ...bodies]) expect(text).not.toContain(SECRET);
    await everythingLanded(town, [bead]);
    expect(filesWith(world.dataDir, Buffer.from(SECRET))).toEqual([]);
    expect(filesWith(world.dataDir, Buffer.from(MASK))).not.toEqual([]);
  });
});
