/** A town that is struck while it works, and what must hold of it in the end (`crash.test.ts`). */
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as later } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { z } from "zod";
import { git } from "../../apps/node/src/demo/git.ts";
import { dataDir } from "../../apps/node/src/host/data-dir.ts";
import { withTownCopy, withTownFile } from "../../apps/node/src/storage/town-file.ts";
import { Random } from "../../packages/simulation/src/kernel/random.ts";
import { everythingLanded } from "../faults/proof.ts";
import { startTown } from "../faults/start-town.ts";
import type { TownProcess } from "../faults/town-process.ts";
import type { Fault, Moment } from "./crash-plan.ts";

const HOOK = fileURLToPath(new URL("clock-hook.mjs", import.meta.url));
const BEADS = 3;
const MEMBERS = 2;

const config = {
  limits: { max_polecats_per_rig: BEADS + MEMBERS, max_attempts: 20 },
  review: { parallel_reviews: 2, gates: ["git log -1"] },
};

export class CrashedTown {
  readonly #town: TownProcess;
  readonly #random: Random;
  readonly #clock: string;
  #ahead = 0;
  #beads: string[] = [];

  private constructor(town: TownProcess, clock: string, seed: number) {
    this.#town = town;
    this.#clock = clock;
    this.#random = new Random(seed).fork("choices");
  }

  static async start(seed: number): Promise<CrashedTown> {
    const town = await startTown({
      config,
      env: (world) => ({ NODE_OPTIONS: `--import=${HOOK}`, GASTOWN_TEST_CLOCK: join(world.root, "clock") }),
    });
    const crashed = new CrashedTown(town, join(town.world.root, "clock"), seed);
    await crashed.#sling();
    return crashed;
  }

  /** An agent that is replaced in the middle begins anew, on the work that was saved of it. */
  async #sling(): Promise<void> {
    const script = (name: string) => ({
      steps: [{ write: { path: `${name}.txt`, content: `${name}\n` } }, ...this.#town.commit(`Do ${name}`)],
    });
    const names = Array.from({ length: BEADS }, (_, i) => `bead-${i}`);
    this.#beads = await Promise.all(names.map((name) => this.#town.sling(name, script(name))));
    const members = Array.from({ length: MEMBERS }, (_, i) => `member-${i}`);
    const scripts = Object.fromEntries(members.map((name) => [name, script(name)]));
    this.#beads.push(...(await this.#town.slingConvoy("Together", scripts)));
  }

  /** Or until there is nothing left that could happen. */
  async #reached({ afterEvents, laterMs }: Moment): Promise<void> {
    let landed = 0;
    await this.#town.seen(`event ${afterEvents}`, ({ seq, kind }) => {
      if (kind === "merge.landed") landed++;
      return seq >= afterEvents || landed === this.#beads.length + 1;
    });
    // Not a wait for anything: the moment itself is what was drawn.
    await later(laterMs);
  }

  async suffer(moment: Moment): Promise<void> {
    await this.#reached(moment);
    await this.#strike(moment.fault);
  }

  async #strike(fault: Fault): Promise<void> {
    const town = this.#town;
    switch (fault.kind) {
      case "host":
        await town.killHost();
        this.#copiedFilesAreSound();
        return town.up();
      case "runner":
        for (const runner of town.world.runners()) town.killRunner(runner);
        return undefined;
      case "both":
        for (const runner of town.world.runners()) town.killRunner(runner);
        await town.killHost();
        return town.up();
      case "agent":
        return this.#killWorker();
      case "copy":
        return this.#copyIsSound();
      case "clock":
        this.#ahead += fault.byMs;
        return writeFileSync(this.#clock, String(this.#ahead));
    }
  }

  #killWorker(): void {
    const worker = this.#random.pickFrom(this.#town.workers());
    try {
      if (worker !== undefined) process.kill(worker.pid, "SIGKILL");
    } catch {
      // It has ended by itself in this moment.
    }
  }

  /** The files as they lie there when nobody lives to close them: what a snapshot of the disk has. */
  #copiedFilesAreSound(): void {
    const folder = join(this.#town.world.root, "copy");
    mkdirSync(folder, { recursive: true });
    for (const suffix of ["", "-wal"]) {
      const file = `${this.#town.databasePath}${suffix}`;
      if (existsSync(file)) cpSync(file, join(folder, `town.sqlite${suffix}`));
    }
    same(
      withTownFile(join(folder, "town.sqlite"), (town) => town.checkInvariants()),
      [],
    );
  }

  async #copyIsSound(): Promise<void> {
    same(await withTownCopy(this.#town.databasePath, (town) => town.checkInvariants()), []);
  }

  /** Everything has landed once and nothing is left. Ends the host. */
  async prove(): Promise<void> {
    const town = this.#town;
    await everythingLanded(town, this.#beads, { convoys: 1 });
    for (const name of ["bead-0", "member-0"])
      same(await git(["show", `main:${name}.txt`], { cwd: town.remote }), name);
    await nothingCheckedOut(town);
    await doctorIsContent(town);
  }
}

/** Worktrees are kept for the next session of an agent; those of merges and gates are thrown away. */
async function nothingCheckedOut(town: TownProcess): Promise<void> {
  const root = join(dataDir(town.world.dataDir).root, "runners");
  for (const name of readdirSync(root)) {
    const scratch = join(root, name, "scratch");
    expect(existsSync(scratch) ? readdirSync(scratch) : []).toEqual([]);
  }
}

const doctorAnswer = z.object({
  checks: z.array(z.object({ name: z.string(), state: z.string(), message: z.string() })),
});

async function doctorIsContent(town: TownProcess): Promise<void> {
  const { checks } = (await town.world.run(["doctor", "--json"])).json(doctorAnswer);
  const stored = checks.filter(({ name }) => name.startsWith("invariants of") || name.startsWith("town "));
  expect(stored).toMatchObject([{ state: "ok" }]);
}

function same<T>(found: T, wanted: T): void {
  expect(found).toEqual(wanted);
}
