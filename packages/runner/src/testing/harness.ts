/** A repository, a town and a runner for one test, and the requests between them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { PrimeContext, RigRef, StartRequest } from "@gastown/protocol";
import { z } from "zod";
import { startRunner } from "../boot/start-runner.ts";
import type { MakeGit } from "../boot/parts.ts";
import type { Runner } from "../boot/start-runner.ts";
import type { RunnerOptions } from "../options.ts";
import { newId } from "../ulid.ts";
import { BOOT_SECRET, FakeTown } from "./fake-town.ts";
import type { ToolAnswer, ToolCall } from "./fake-town.ts";

export const SCRIPTED_PROGRAM: string = fileURLToPath(new URL("./scripted-process.ts", import.meta.url));
export const SHIM_PROGRAM: string = fileURLToPath(new URL("./shim-process.ts", import.meta.url));
export const RUNNER_PROGRAM: string = fileURLToPath(new URL("./runner-process.ts", import.meta.url));
const TOWN_ID = newId("town");

const AUTHOR = { name: "Toast", email: "toast@gastown.example" };

export function git(cwd: string, ...args: string[]): string {
  const env = {
    PATH: process.env["PATH"],
    HOME: "/nonexistent",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_AUTHOR_NAME: "Test",
    GIT_AUTHOR_EMAIL: "test@gastown.example",
    GIT_COMMITTER_NAME: "Test",
    GIT_COMMITTER_EMAIL: "test@gastown.example",
  };
  return execFileSync("git", args, { cwd, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

const liveSession = z.object({ epoch: z.int() });

export class World {
  readonly dir: string = mkdtempSync(join(tmpdir(), "gastown-runner-"));
  readonly town: FakeTown = new FakeTown();
  readonly rig: RigRef;
  readonly root: string;
  readonly logs: { event: string; data: object }[] = [];
  readonly #runners: Runner[] = [];

  constructor() {
    this.root = join(this.dir, "work");
    const remote = join(this.dir, "remote.git");
    git(this.dir, "init", "--quiet", "--bare", "--initial-branch=main", remote);
    const seed = join(this.dir, "seed");
    git(this.dir, "clone", "--quiet", remote, seed);
    writeFileSync(join(seed, "README.md"), "# Seed\n");
    git(seed, "checkout", "--quiet", "-B", "main");
    git(seed, "add", "-A");
    git(seed, "commit", "--quiet", "-m", "Begin");
    git(seed, "push", "--quiet", "origin", "main");
    this.rig = { id: newId("rig"), name: "app", git_url: remote, default_branch: "main" };
  }

  get remote(): string {
    return this.rig.git_url;
  }

  options(more: Partial<RunnerOptions> = {}): RunnerOptions {
    return {
      root: this.root,
      apiUrl: this.town.url,
      townId: TOWN_ID,
      bootSecret: BOOT_SECRET,
      version: "1.0.0-test",
      allowLocal: true,
      gitEnv: { HOME: this.dir, PATH: process.env["PATH"] ?? "" },
      hostEnv: { PATH: process.env["PATH"], HOME: this.dir },
      scripted: { command: process.execPath, args: [SCRIPTED_PROGRAM] },
      heartbeatMs: 500,
      cancelMs: 1_000,
      log: (event, data) => {
        this.logs.push({ event, data });
        this.town.facts.changed();
      },
      ...more,
    };
  }

  async runner(more: Partial<RunnerOptions> = {}): Promise<Runner> {
    const runner = await this.booting(more);
    await runner.ready;
    return runner;
  }

  /** A runner that listens; what it resumes may still be under way. */
  async booting(more: Partial<RunnerOptions> = {}, makeGit?: MakeGit): Promise<Runner> {
    const runner = await startRunner(this.options(more), makeGit);
    this.#runners.push(runner);
    return runner;
  }

  /** Ends what the test started and removes its directory. */
  async close(): Promise<void> {
    for (const runner of this.#runners) {
      runner.drain("host", 0);
      await runner.exit;
    }
    await this.town.stop();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** A start of a polecat by default; its bead's body is `body`. Also tells the town its context. */
  start(body: string, more: Partial<StartRequest> = {}, prime: Partial<PrimeContext> = {}): StartRequest {
    const session_id = more.session_id ?? newId("session");
    const bead = { id: newId("bead"), title: "Add a thing" };
    this.town.epoch += 1;
    const start: StartRequest = {
      session_id,
      epoch: this.town.epoch,
      agent: { id: newId("agent"), name: "Toast" },
      role: "polecat",
      rig: this.rig,
      checkouts: [],
      bead,
      prompt: "Do your bead.",
      system: "You are a polecat.",
      runtime: "scripted",
      model: null,
      small_model: null,
      branch: `gt/toast/${session_id.slice(-8).toLowerCase()}`,
      start_point: "refs/heads/main",
      target: "main",
      start_head: null,
      allow_rewrite: false,
      author: AUTHOR,
      coauthor: null,
      mcp: {
        name: "gastown",
        url: `${this.town.url}/api/towns/${TOWN_ID}/sessions/${session_id}/mcp`,
        token: `session-token-${session_id}`,
      },
      settings: {
        config_version: 1,
        env: {},
        permission: "allow_in_worktree",
        setup: [],
        sessions_per_process: 8,
        process_idle_minutes: 5,
        process_memory_mb: 2_048,
        turn_idle_minutes: 2,
      },
      resume: false,
      resume_from: null,
      ...more,
    };
    this.town.primes.set(session_id, primeOf(start, body, prime));
    return start;
  }

  /** Another script for the next turn of a session that began already. */
  rewrite(start: StartRequest, body: string): void {
    this.town.primes.set(start.session_id, primeOf(start, body, {}));
  }

  /** `gt_done` as the real town answers it: settle at the runner, then wait for its result. */
  settleOnDone(control: () => Control): void {
    this.town.onCall = async (call) => (call.tool === "gt_done" ? this.#settle(control(), call) : null);
  }

  async #settle(control: Control, { session, args }: ToolCall): Promise<ToolAnswer> {
    const settle_id = newId("settle");
    // From the runner itself: the last heartbeat may be older than the session.
    const status = await control.get(`/agents/${session}/status`);
    const { epoch } = liveSession.parse(status.body);
    const body = { settle_id, epoch, no_changes: args["no_changes"] === true, message: "Add a thing" };
    const accepted = await control.post(`/agents/${session}/settle`, body);
    if (accepted.status !== 202) throw new Error(`the settle was not taken: ${JSON.stringify(accepted)}`);
    const find = () => this.town.settles.find((one) => one.settle_id === settle_id);
    const result = await this.town.facts.until(`the settle of ${session}`, find);
    const fine = result.result === "pushed" || (result.result === "nothing_to_push" && body.no_changes);
    return fine
      ? { text: "Submitted. You are finished; stop here." }
      : {
          text: `nothing_to_submit: ${result.result}`,
          isError: true,
          structured: { error: { code: "nothing_to_submit" } },
        };
  }
}

function primeOf(start: StartRequest, body: string, more: Partial<PrimeContext>): PrimeContext {
  const { bead, rig } = start;
  return {
    town_id: TOWN_ID,
    session_id: start.session_id,
    role: start.role,
    agent: start.agent,
    rig: rig === null ? null : { id: rig.id, name: rig.name, default_branch: rig.default_branch },
    bead: bead === null ? null : { ...bead, body, kind: "work", priority: "medium", attempt: 1 },
    source: null,
    branch: start.branch,
    target: start.target,
    review: null,
    work_order: null,
    blockers: [],
    attempts: [],
    gates: [],
    triage: [],
    steps: [],
    mail: [],
    instructions: "",
    ...more,
  };
}

/** A script as it stands in a bead's body. */
export function script(value: unknown): string {
  return `Please do this.\n\n\`\`\`gastown-script\n${JSON.stringify(value, null, 2)}\n\`\`\`\n`;
}

/** The town's side of the control server. */
export class Control {
  readonly #url: string;
  readonly #bearer: string;

  constructor(runner: { url: string; bearer: string }) {
    this.#url = runner.url;
    this.#bearer = runner.bearer;
  }

  async call(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const headers = { authorization: `Bearer ${this.#bearer}`, "content-type": "application/json" };
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    const response = await fetch(this.#url + path, init);
    const text = await response.text();
    try {
      return { status: response.status, body: JSON.parse(text) };
    } catch {
      return { status: response.status, body: text };
    }
  }

  post(path: string, body: unknown): Promise<{ status: number; body: unknown }> {
    return this.call("POST", path, body);
  }

  get(path: string): Promise<{ status: number; body: unknown }> {
    return this.call("GET", path);
  }
}
