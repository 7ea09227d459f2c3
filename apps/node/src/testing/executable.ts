/** For tests: the real executable in processes of its own, on data directories of their own. */
import { spawn, spawnSync, type ChildProcessWithoutNullStreams } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { text as readAll } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { isAlive, readRunnerFile, type RunnerFile } from "@gastown/runner";
import { z } from "zod";
import { git } from "../demo/git.ts";

/** The sources, or the packaged file that `GASTOWN_EXECUTABLE` names. */
const MAIN =
  process.env["GASTOWN_EXECUTABLE"] === undefined
    ? fileURLToPath(new URL("../main.ts", import.meta.url))
    : resolve(process.env["GASTOWN_EXECUTABLE"]);

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as one JSON document. */
  json<T>(schema: z.ZodType<T>): T;
}

export const errorAnswer = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
});

const readyAnswer = z.object({ url: z.string(), loginUrl: z.string(), pid: z.int(), dataDir: z.string() });

export interface RunningHost {
  readonly child: ChildProcessWithoutNullStreams;
  readonly url: string;
  readonly loginUrl: string;
  readonly pid: number;
  readonly port: string;
  /** Resolves when the log says this, or has said it. */
  said(words: string): Promise<void>;
  /** Resolves with the exit code. */
  readonly exit: Promise<number | null>;
}

/** Root may write everywhere. Without these capabilities the rights of files count for it, too. */
const CAPABILITIES = "-dac_override,-dac_read_search";
const AS_ANYBODY =
  process.getuid?.() === 0 ? ["setpriv", `--bounding-set=${CAPABILITIES}`, `--inh-caps=${CAPABILITIES}`] : [];
/** Whether the rights of files can be made to count for what a test starts: root needs `setpriv` for it. */
export const rightsCount: boolean =
  AS_ANYBODY.length === 0 || spawnSync("setpriv", ["--version"]).status === 0;

/** A world of its own for one test file: folders, hosts and runners end with it. */
export class World {
  readonly root: string = mkdtempSync(join(tmpdir(), "gastown-test-"));
  readonly dataDir: string = join(this.root, "data");
  readonly #children = new Set<ChildProcessWithoutNullStreams>();
  readonly #begin: readonly [string, ...string[]];

  /** `rightsCount`: what it starts may not write where the rights of files forbid it, as root neither. */
  constructor({ rightsCount: counting = false } = {}) {
    const [first = process.execPath, ...more] = counting ? [...AS_ANYBODY, process.execPath] : [];
    this.#begin = [first, ...more];
  }

  env(more: Record<string, string> = {}): NodeJS.ProcessEnv {
    const kept = Object.entries(process.env).filter(
      ([name]) => !name.startsWith("GASTOWN_") && name !== "NODE_OPTIONS",
    );
    return { ...Object.fromEntries(kept), GASTOWN_DATA_DIR: this.dataDir, ...more };
  }

  spawn(
    args: readonly string[],
    options: { env?: Record<string, string>; cwd?: string } = {},
  ): ChildProcessWithoutNullStreams {
    const [command, ...before] = this.#begin;
    const child = spawn(command, [...before, MAIN, ...args], {
      cwd: options.cwd ?? this.root,
      env: this.env(options.env),
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  /** Runs a command to its end. */
  async run(
    args: readonly string[],
    options: { env?: Record<string, string>; cwd?: string; input?: string } = {},
  ): Promise<Finished> {
    const child = this.spawn(args, options);
    child.stdin.end(options.input ?? "");
    const exit = exitOf(child);
    const [stdout, stderr] = await Promise.all([readAll(child.stdout), readAll(child.stderr)]);
    const code = await exit;
    return {
      code,
      stdout,
      stderr,
      json: (schema) => schema.parse(JSON.parse(stdout)),
    };
  }

  /** Runs a command that has to succeed. */
  async must(
    args: readonly string[],
    options: { env?: Record<string, string>; cwd?: string; input?: string } = {},
  ): Promise<Finished> {
    const finished = await this.run(args, options);
    if (finished.code === 0) return finished;
    throw new Error(
      `gastown ${args.join(" ")} ended with ${finished.code}: ${finished.stdout}${finished.stderr}`,
    );
  }

  /** `gastown up` in the foreground, once it says that it is ready; `more` may name another runtime. */
  async up(
    listen = "127.0.0.1:0",
    more: readonly string[] = [],
    env: Record<string, string> = {},
  ): Promise<RunningHost> {
    const child = this.spawn(["up", "--json", "--listen", listen, "--runtime", "scripted", ...more], { env });
    const exit = exitOf(child);
    const stderr: string[] = [];
    const spoke = new EventEmitter();
    child.stderr.setEncoding("utf8").on("data", (piece: string) => {
      stderr.push(piece);
      spoke.emit("said");
    });
    const lines = createInterface({ input: child.stdout });
    const first = await Promise.race([once(lines, "line"), exit]);
    if (!Array.isArray(first)) throw new Error(`up ended with ${first}: ${stderr.join("")}`);
    const line = String(first[0]);
    if (line.startsWith('{"error"')) throw new Error(`up failed: ${line}`);
    const ready = readyAnswer.parse(JSON.parse(line));
    return {
      child,
      exit,
      url: ready.url,
      loginUrl: ready.loginUrl,
      pid: ready.pid,
      port: new URL(ready.url).port,
      said: async (words) => {
        while (!stderr.join("").includes(words)) await once(spoke, "said");
      },
    };
  }

  /** The runners that were started for this data directory and are alive. */
  runners(dataDir: string = this.dataDir): RunnerFile[] {
    const folder = join(dataDir, "runners");
    return listed(folder).flatMap((town) => {
      const file = readRunnerFile(join(folder, town));
      return file !== null && isAlive(file) ? [file] : [];
    });
  }

  /** A bare repository with one commit, and the path of it. */
  async repository(name = "app.git"): Promise<string> {
    const seed = join(this.root, `${name}-seed`);
    const path = join(this.root, name);
    await git(["init", "--quiet", "--initial-branch=main", seed]);
    const author = ["-c", "user.name=Test", "-c", "user.email=test@example.org"];
    await git([...author, "commit", "--quiet", "--allow-empty", "--message", "Begin"], { cwd: seed });
    await git(["clone", "--quiet", "--bare", seed, path]);
    await git(["remote", "add", "origin", path], { cwd: seed });
    return path;
  }

  /** Ends everything that this world started. */
  async end(): Promise<void> {
    const exits = [...this.#children].map((child) => once(child, "exit"));
    for (const child of this.#children) child.kill("SIGKILL");
    await Promise.all(exits);
    for (const runner of this.runners()) endGroup(runner.pid);
    rmSync(this.root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

async function exitOf(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  return z
    .tuple([z.int().nullable()])
    .rest(z.unknown())
    .parse(await once(child, "exit"))[0];
}

/** A runner leads a process group of its own; its agents may lead theirs, and notice its end. */
function endGroup(pid: number): void {
  for (const target of [-pid, pid])
    try {
      process.kill(target, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
