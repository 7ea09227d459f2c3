/**
 * The race: two towns want a runner on a host that may run one. The host says no to the second, whose
 * start must neither be lost nor tried over and over; then the first town has nothing more to do.
 *
 * What must hold: the second town's bead says what it waits for, nothing is counted against it; the
 * first town's work is not disturbed, and once it is over its runner gives way by itself, without
 * waiting for its own idle time.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished, describe, expect, it } from "vitest";
import { beadDetail, beadShape, feedEntry, rigShape, townShape, type FeedEntry } from "@gastown/protocol";
import { ApiClient } from "../../apps/node/src/cli/client.ts";
import { listOf } from "../../apps/node/src/cli/target.ts";
import { readLocalToken } from "../../apps/node/src/host/credentials.ts";
import { dataDir } from "../../apps/node/src/host/data-dir.ts";
import { World } from "../../apps/node/src/testing/executable.ts";

// Far beyond what it takes: it waits for events, on a machine that may be busy.
const LIMIT_MS = 240_000;
const WORK = '```gastown-script\n{"steps": [{"write": {"path": "a.txt", "content": "a"}}]}\n```';

describe("two towns on a host that runs one runner", () => {
  it("are served one after the other, and the one that waits says so", { timeout: LIMIT_MS }, async () => {
    const world = new World();
    onTestFinished(() => world.end());
    const host = await world.up("127.0.0.1:0", ["--max-instances", "1"]);
    host.child.stdout.resume();
    const token = readLocalToken(dataDir(world.dataDir));
    const signal = AbortSignal.timeout(LIMIT_MS);
    const api = new ApiClient({ url: host.url, token, signal, hint: "The host has ended." });

    async function seen(town: string, isIt: (entry: FeedEntry) => boolean): Promise<FeedEntry> {
      for (let after = 0; ;) {
        const query = { after, limit: 200, wait: 25 };
        const { items } = await api.get(listOf(feedEntry), `/api/towns/${town}/events`, query);
        const found = items.find(isIt);
        if (found !== undefined) return found;
        after = items.at(-1)?.seq ?? after;
      }
    }
    async function townWithRig(name: string): Promise<{ town: string; rig: string }> {
      const made = await api.post(townShape.pick({ id: true }), "/api/users/user_local/towns", { name });
      const gitUrl = await world.repository(`${name}.git`);
      const rig = await api.post(rigShape, `/api/towns/${made.id}/rigs`, { name: "app", gitUrl });
      return { town: made.id, rig: rig.id };
    }
    const sling = async ({ town, rig }: { town: string; rig: string }, body = WORK): Promise<string> => {
      const bead = { title: "Add a", body, start: true };
      return (await api.post(beadShape, `/api/towns/${town}/rigs/${rig}/beads`, bead)).id;
    };
    const merged = (bead: string) => (entry: FeedEntry) =>
      entry.kind === "bead.status_changed" && entry.beadId === bead && entry.reason === "merged";

    const first = await townWithRig("first");
    const go = join(world.root, "go");
    const held = { steps: [{ wait_for: { file: go } }, { write: { path: "held.txt", content: "x" } }] };
    const busy = await sling(first, `\`\`\`gastown-script\n${JSON.stringify(held)}\n\`\`\``);
    await seen(first.town, ({ kind, beadId }) => kind === "session.started" && beadId === busy);
    const second = await townWithRig("second");
    const bead = await sling(second);
    await seen(second.town, ({ kind }) => kind === "runner.no_room");
    expect(await api.get(beadDetail, `/api/towns/${second.town}/beads/${bead}`)).toMatchObject({
      status: "open",
      waitingOn: {
        code: "runner_unavailable",
        message: expect.stringContaining(
          "this host runs 1 of at most 1 (server setting max_instances); number 1",
        ),
      },
    });

    writeFileSync(go, "");
    await seen(first.town, merged(busy));
    await seen(second.town, merged(bead));
    const evicted = ({ kind, data }: FeedEntry) => kind === "session.ended" && data["outcome"] === "evicted";
    const history = await api.get(listOf(feedEntry), `/api/towns/${first.town}/events`, { limit: 200 });
    expect(history.items.filter(evicted)).toEqual([]);
    const done = await api.get(beadDetail, `/api/towns/${second.town}/beads/${bead}`);
    expect(done).toMatchObject({ startFailures: 0, runFailures: 0 });
    expect(world.runners()).toHaveLength(1);
    host.child.kill("SIGUSR2");
    expect(await host.exit).toBe(0);
  });
});
