/**
 * One agent process (spec/runner.md §3 and §4): a process group of its own, carrying a marker
 * variable, so that its tools can be found when it is gone.
 */
import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { Log } from "../options.ts";
import { within } from "../wait.ts";
import { MARKER } from "../processes/process-table.ts";
import { reapMarker, recordProcess } from "../processes/reap.ts";
import { AcpAgent } from "./acp-agent.ts";
import type { LaunchSpec } from "./launch-spec.ts";
import type { Redactor } from "./redact.ts";
import { StderrTail } from "./stderr-tail.ts";
import type { LogStore } from "../logs/log-store.ts";
import type { LogWriter } from "../logs/log-writer.ts";

export interface Death {
  /** `killed`: by this runner, for the sake of another session. */
  readonly cause: "exit" | "killed" | "stopped";
  readonly message: string;
}

export interface AgentProcessOptions {
  readonly spec: LaunchSpec;
  readonly root: string;
  readonly marker: string;
  readonly redactor: Redactor;
  readonly log: Log;
  /** Where what it writes to stderr is kept; null: nowhere. */
  readonly logs: LogStore | null;
}

const STEP_MS = 3_000;
const LAST_WORDS_MS = 300;

export class AgentProcess {
  readonly spec: LaunchSpec;
  readonly marker: string;
  readonly pid: number;
  /** Resolves once, as soon as the process is gone or can no longer be talked to. */
  readonly dead: Promise<Death>;
  /** The conversation partner; rejects when the process cannot be initialized. */
  readonly agent: Promise<AcpAgent>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #stderr = new StderrTail();
  #stderrLog: LogWriter | null = null;
  readonly #options: AgentProcessOptions;
  readonly #exited: Promise<void>;
  readonly #stderrOver: Promise<void>;
  #ending: Death["cause"] | null = null;
  #isDead = false;

  constructor(options: AgentProcessOptions) {
    this.#options = options;
    this.spec = options.spec;
    this.marker = options.marker;
    this.#child = spawn(options.spec.command, [...options.spec.args], {
      cwd: options.spec.cwd,
      env: { ...options.spec.env, [MARKER]: options.marker },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    this.pid = this.#child.pid ?? 0;
    const forget = this.pid === 0 ? () => undefined : recordProcess(options.root, this.pid);
    this.#child.stderr.setEncoding("utf8").on("data", (chunk: string) => this.#noteStderr(chunk));
    // A write to an agent that has just died must not take the runner with it.
    this.#child.stdin.on("error", () => undefined);
    this.#exited = new Promise((done) => {
      this.#child.once("exit", () => done());
      this.#child.once("error", () => done());
    });
    this.#stderrOver = new Promise((done) => {
      this.#child.stderr.once("close", () => done());
    });
    const acp = AcpAgent.connect(this.#child.stdin, this.#child.stdout);
    this.dead = this.#watch(acp.closed).finally(forget);
    this.agent = acp.initialize();
    // Whoever needs the agent awaits it; nobody may be waiting any more when it dies.
    this.agent.catch(() => undefined);
  }

  get alive(): boolean {
    return !this.#isDead && this.#ending === null;
  }

  /** The last lines of stderr without secrets. */
  stderrTail(): string {
    return this.#options.redactor.clean(this.#stderr.text());
  }

  /** The log of all of it, for every session of the process; null: it has said nothing so far. */
  get stderrLog(): string | null {
    return this.#stderrLog?.id ?? null;
  }

  #noteStderr(chunk: string): void {
    const { logs, redactor } = this.#options;
    this.#stderr.push(chunk);
    this.#stderrLog ??= logs?.begin((text) => redactor.clean(text)) ?? null;
    this.#stderrLog?.write(Buffer.from(chunk));
  }

  /**
   * Exit and end of stdout are watched both: a launcher that is killed leaves the real agent with
   * stdout open (spec/agents-facts.md §10), and an agent that closes stdout is of no use any more.
   */
  async #watch(closed: Promise<void>): Promise<Death> {
    let how = "ended";
    const failed = new Promise<void>((done) => {
      this.#child.once("error", (error) => {
        how = `could not be started (${error.message})`;
        done();
      });
      this.#child.once("exit", (code, signal) => {
        how = signal === null ? `exited with code ${String(code)}` : `was ended by ${signal}`;
        done();
      });
    });
    await Promise.race([failed, closed]);
    this.#isDead = true;
    // One that has closed stdout is usually on its way out, and its own exit code says more.
    await within(this.#exited, LAST_WORDS_MS);
    this.#killGroup("SIGKILL");
    reapMarker(this.marker);
    await this.#exited;
    await within(this.#stderrOver, LAST_WORDS_MS);
    this.#stderrLog?.end();
    void this.#options.logs?.prune();
    const death: Death = { cause: this.#ending ?? "exit", message: `The agent process ${how}.` };
    this.#options.log("agent.process_ended", { pid: this.pid, runtime: this.spec.runtime, ...death });
    return death;
  }

  /** Ends it at once. Other sessions on it lose their turn. */
  kill(cause: "killed" | "stopped" = "killed"): void {
    this.#ending ??= cause;
    this.#killGroup("SIGKILL");
  }

  /** Close stdin, 3 s, TERM, 3 s, KILL, and what carries its marker (spec/agents-facts.md, rule 7). */
  async stop(): Promise<void> {
    if (this.#ending === null) {
      this.#ending = "stopped";
      this.#child.stdin.end();
      const term = setTimeout(() => this.#killGroup("SIGTERM"), STEP_MS);
      const kill = setTimeout(() => this.#killGroup("SIGKILL"), 2 * STEP_MS);
      await this.dead;
      clearTimeout(term);
      clearTimeout(kill);
    }
    await this.dead;
  }

  #killGroup(signal: "SIGTERM" | "SIGKILL"): void {
    if (this.pid === 0) return;
    try {
      process.kill(-this.pid, signal);
    } catch {
      // The group is empty already.
    }
  }
}
