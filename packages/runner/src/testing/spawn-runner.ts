import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readRunnerFile } from "../boot/runner-file.ts";
import type { RunnerOptions } from "../options.ts";
import { Control, RUNNER_PROGRAM } from "./harness.ts";
import type { World } from "./harness.ts";

/** A runner in a process of its own, which a test may kill. */
export class SpawnedRunner {
  readonly child: ChildProcess;
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  readonly #world: World;
  stderr = "";

  constructor(world: World, more: Partial<RunnerOptions> = {}) {
    this.#world = world;
    const child = spawn(process.execPath, [RUNNER_PROGRAM], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], HOME: world.dir },
    });
    this.child = child;
    child.stdin.end(JSON.stringify(world.options(more)));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      this.stderr += chunk;
      world.town.facts.changed();
    });
    this.exited = new Promise((done) => {
      child.once("exit", (code, signal) => {
        done({ code, signal });
        world.town.facts.changed();
      });
    });
  }

  /** Waits until this process has registered. */
  async ready(): Promise<Control> {
    const { town, root } = this.#world;
    const file = await town.facts.until("the registration", () => {
      const last = town.registrations.at(-1);
      const found = readRunnerFile(root);
      return last?.pid === this.child.pid && found?.instance_id === last?.instance_id ? found : undefined;
    });
    return new Control(file);
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.child.kill(signal);
    await this.exited;
  }
}
