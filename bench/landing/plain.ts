import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { git, GIT_ENV } from "../lib/repository.ts";

const SCRIPT = fileURLToPath(new URL("plain.sh", import.meta.url));

/** The shell script beside the town, with a clone and two worktrees of its own. */
export class PlainScript {
  readonly #folder: string;
  readonly #signal: AbortSignal;
  #next = 1;

  /** @param folder where clone and worktrees are made; @param remote bare repository that it lands in */
  constructor(folder: string, remote: string, signal: AbortSignal) {
    this.#folder = folder;
    this.#signal = signal;
    git(folder, "clone", "--quiet", remote, "clone");
    for (const name of ["slot", "merge"])
      git(join(folder, "clone"), "worktree", "add", "--quiet", "--detach", join(folder, name), "origin/main");
  }

  /** Lands so many beads; milliseconds. */
  async land(beads: number): Promise<number> {
    const places = ["clone", "slot", "merge"].map((name) => join(this.#folder, name));
    const numbers = [this.#next, this.#next + beads - 1].map(String);
    this.#next += beads;
    const began = performance.now();
    const child = spawn("sh", [SCRIPT, ...places, ...numbers], {
      cwd: this.#folder,
      env: { ...process.env, ...GIT_ENV },
      stdio: ["ignore", "ignore", "pipe"],
      signal: this.#signal,
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    await once(child, "close");
    if (child.exitCode !== 0) throw new Error(`The plain script failed: ${stderr.trim()}`);
    return performance.now() - began;
  }
}
