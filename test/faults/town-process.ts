/**
 * A town as a person runs it, for tests that break things: the real executable in a process of its
 * own on a data directory of its own, real repositories, scripted agents. Everything that waits
 * here waits for the town's own events (a long poll), never for time to pass.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  beadDetail,
  beadShape,
  convoyDetail,
  GastownError,
  rigShape,
  sessionShape,
  townShape,
  type Bead,
  type BeadDetail,
  type CreateRigBody,
  type FeedEntry,
  type Rig,
  type Session,
  type TownConfig,
  type TownCredentials,
  type TranscriptItem,
} from "@gastown/protocol";
import type { RunnerFile } from "@gastown/runner";
import { z } from "zod";
import { ApiClient } from "../../apps/node/src/cli/client.ts";
import { liveFrames, Topics } from "../../apps/node/src/cli/live.ts";
import { listOf } from "../../apps/node/src/cli/target.ts";
import { git } from "../../apps/node/src/demo/git.ts";
import { readLocalToken } from "../../apps/node/src/host/credentials.ts";
import { dataDir } from "../../apps/node/src/host/data-dir.ts";
import { isRunning } from "../../apps/node/src/host/process-identity.ts";
import type { RunnerTiming } from "../../apps/node/src/runner/runner-input.ts";
import { World, type RunningHost } from "../../apps/node/src/testing/executable.ts";
import { markedProcesses, type MarkedProcess } from "../../packages/runner/src/processes/process-table.ts";
import { directoryMarker } from "../../packages/runner/src/processes/reap.ts";
import { fileExists } from "../../packages/runner/src/scripted/files.ts";
import { bodyOf, type Script, type Step } from "./script.ts";
import { LIMIT_MS, TownEvents } from "./town-events.ts";

export interface TownOptions {
  /** Files of the repository's first commit. */
  readonly files?: Readonly<Record<string, string>>;
  readonly config?: TownConfig & { readonly credentials?: TownCredentials };
  readonly timing?: RunnerTiming;
  /** Another way to the bare repository at this path, made before the town is. */
  readonly serve?: (path: string) => Promise<string>;
  /** A repository on a GitHub of the test's own: its bare directory and its address. */
  readonly hosted?: {
    readonly dir: string;
    readonly cloneUrl: string;
    readonly rig?: { defaultBranch: string };
  };
  /** How long one wait may last (ms). */
  readonly limitMs?: number;
  /** What the host finds in its environment. */
  readonly env?: Readonly<Record<string, string>> | ((world: World) => Readonly<Record<string, string>>);
}

export class TownProcess extends TownEvents {
  readonly world: World = new World();
  readonly #options: TownOptions;
  #host: RunningHost | undefined;
  #townId = "";
  #rigId = "";
  #ahead = 0;
  /** The bare repository on which everything lands. */
  remote = "";

  readonly limitMs: number;

  constructor(options: TownOptions = {}) {
    super();
    this.#options = options;
    this.limitMs = options.limitMs ?? LIMIT_MS;
  }

  get host(): RunningHost {
    if (this.#host === undefined) throw new Error("The host is not running.");
    return this.#host;
  }

  get databasePath(): string {
    return dataDir(this.world.dataDir).town(this.#townId);
  }

  /** Where agents note the commits that they make. */
  get commitsFile(): string {
    return join(this.world.root, "commits");
  }

  /** A running host with one town and one rig that is ready. */
  async begin(): Promise<void> {
    const { hosted } = this.#options;
    this.remote = hosted?.dir ?? (await this.world.repository());
    await this.#commitFiles(this.#options.files ?? {});
    const gitUrl = hosted?.cloneUrl ?? (await this.#options.serve?.(this.remote)) ?? this.remote;
    await this.up();
    const made = await this.api().post(townShape.pick({ id: true }), "/api/users/user_local/towns", {
      name: "faults",
    });
    this.#townId = made.id;
    await this.api().raw("PATCH", `${this.townPath}/config`, {
      body: { runtime: "scripted", ...this.#options.config },
    });
    this.#rigId = (await this.addRig({ name: "app", gitUrl, ...hosted?.rig })).id;
  }

  /** One that is ready. */
  async addRig(input: CreateRigBody): Promise<Rig> {
    const rig = await this.api().post(rigShape, `${this.townPath}/rigs`, input);
    return this.until("the rig to be ready", async () => {
      const now = await this.api().get(rigShape, `${this.townPath}/rigs/${rig.id}`);
      if (now.state === "broken") throw new Error(`The rig is broken: ${now.stateReason}`);
      return now.state === "ready" ? now : undefined;
    });
  }

  async #commitFiles(files: Readonly<Record<string, string>>): Promise<void> {
    if (Object.keys(files).length === 0) return;
    const cwd = `${this.remote}-seed`;
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(cwd, path)), { recursive: true });
      writeFileSync(join(cwd, path), content);
    }
    const author = ["-c", "user.name=Test", "-c", "user.email=test@example.org"];
    await git(["add", "--all"], { cwd });
    await git([...author, "commit", "--quiet", "--message", "Add what is there"], { cwd });
    await git(["push", "--quiet", "origin", "main"], { cwd });
  }

  /** Starts the host, on the address that it had before unless another is given. */
  async up(listen = `127.0.0.1:${this.#host?.port ?? "0"}`): Promise<void> {
    const { timing, env: more } = this.#options;
    const own = typeof more === "function" ? more(this.world) : more;
    const env = {
      GASTOWN_RUNNER_TIMING: JSON.stringify(timing ?? {}),
      GASTOWN_CLOCK_AHEAD: String(this.#ahead),
      ...own,
    };
    const host = await this.world.up(listen, [], env);
    // Nobody reads its log line by line; a full pipe would stop it.
    host.child.stdout.resume();
    this.#host = host;
  }

  /** The town's own time (epoch ms). */
  get now(): number {
    return Date.now() + this.#ahead;
  }

  /** Moves the town's clock on; one that is started again goes on from there. */
  advance(ms: number): void {
    this.#ahead += ms;
    this.host.child.stdin.write(`${ms}\n`);
  }

  async killHost(): Promise<void> {
    this.host.child.kill("SIGKILL");
    await this.host.exit;
  }

  /** Ends the host as a person would, with its runner; the exit code. */
  async down(): Promise<number | null> {
    this.host.child.kill("SIGUSR2");
    return this.host.exit;
  }

  /** The one runner. */
  runner(): RunnerFile {
    const [runner, ...more] = this.world.runners();
    if (runner === undefined || more.length > 0)
      throw new Error(`There are ${1 + more.length} runners or none.`);
    return runner;
  }

  killRunner(runner: RunnerFile = this.runner()): void {
    if (isRunning({ pid: runner.pid, start: runner.start_time })) process.kill(runner.pid, "SIGKILL");
  }

  /** Both at once: neither lives to notice the other's death. */
  async killBoth(): Promise<void> {
    const { exit, child } = this.host;
    const runner = this.runner();
    child.kill("SIGKILL");
    this.killRunner(runner);
    await exit;
  }

  /** Agents, their tools and the runner's gits: whatever was started for this town and is alive. */
  workers(): MarkedProcess[] {
    return markedProcesses(directoryMarker(dataDir(this.world.dataDir).runner(this.#townId)));
  }

  api(signal: AbortSignal = AbortSignal.timeout(this.limitMs)): ApiClient {
    const token = readLocalToken(dataDir(this.world.dataDir));
    return new ApiClient({ url: this.host.url, token, signal, hint: "The host of this test has ended." });
  }

  /** Work that the town made itself to mend other work, as far as it is closed. */
  async fixes(kind: "rework" | "conflict"): Promise<Bead[]> {
    const query = { kind, status: "closed" };
    return (await this.api().get(listOf(beadShape), `${this.townPath}/beads`, query)).items;
  }

  /** Lets an agent note its own process: the parent of its shell. */
  notePid(name: string): Step {
    return { run: this.#note("$PPID", name) };
  }

  /** Lets an agent leave a process behind that is in nobody's process group, and note it. */
  leaveProcess(name: string): Step {
    return { run: `setsid sleep 1000 </dev/null >/dev/null 2>&1 & ${this.#note("$!", name)}` };
  }

  /** Renamed into place: whoever sees the file sees all of it. */
  #note(expression: string, name: string): string {
    const file = join(this.world.root, `${name}.pid`);
    return `echo ${expression} > '${file}.new' && mv '${file}.new' '${file}'`;
  }

  /** The process that was noted, as soon as it is. */
  async pid(name: string): Promise<number> {
    const file = join(this.world.root, `${name}.pid`);
    const signal = AbortSignal.timeout(this.limitMs);
    await fileExists(this.world.root, file, signal);
    const pid = signal.aborted ? 0 : Number(readFileSync(file, "utf8"));
    // A signal to 0 or 1 would be one to this test or to everybody.
    if (Number.isInteger(pid) && pid > 1) return pid;
    throw new Error(`No process was noted as ${name}.\n${await this.story()}`);
  }

  get townPath(): string {
    return `/api/towns/${this.#townId}`;
  }

  get rigId(): string {
    return this.#rigId;
  }

  get rigPath(): string {
    return `${this.townPath}/rigs/${this.#rigId}`;
  }

  /** A bead whose agent follows the script; its id. */
  async sling(title: string, script: Script): Promise<string> {
    const path = `${this.rigPath}/beads`;
    return (await this.api().post(beadShape, path, { title, body: bodyOf(script), start: true })).id;
  }

  /** A convoy whose tasks wait for nobody, begun; the ids of its beads. */
  async slingConvoy(title: string, scripts: Readonly<Record<string, Script>>): Promise<string[]> {
    const tasks = Object.entries(scripts).map(([name, script]) => ({ title: name, body: bodyOf(script) }));
    const file = join(this.world.root, "convoy.json");
    writeFileSync(file, JSON.stringify({ title, parallel: true, staged: false, tasks }));
    const made = await this.world.must(["convoy", "sling", file, "--json"]);
    return made.json(convoyDetail).nodes.map(({ beadId }) => beadId);
  }

  /** Commits what is there and notes the commit, so that its loss would show. */
  commit(message: string): Step[] {
    return [{ commit: { message } }, { run: { command: `git rev-parse HEAD >> '${this.commitsFile}'` } }];
  }

  /** Every commit that an agent made, by its own word. */
  commits(): Set<string> {
    return new Set(readFileSync(this.commitsFile, "utf8").split("\n").filter(Boolean));
  }

  bead(id: string): Promise<BeadDetail> {
    return this.api().get(beadDetail, `${this.townPath}/beads/${id}`);
  }

  /** Sessions of a bead (of all beads without one), oldest first. */
  async sessions(beadId?: string): Promise<Session[]> {
    const { items } = await this.api().get(listOf(sessionShape), `${this.townPath}/sessions`);
    return items.filter((one) => beadId === undefined || one.beadId === beadId).toReversed();
  }

  async transcript(sessionId: string): Promise<string> {
    const { body } = await this.api().raw("GET", `${this.townPath}/sessions/${sessionId}/transcript`);
    return JSON.stringify(body);
  }

  /** Resolves when an agent works on each of these beads. */
  working(ids: readonly string[]): Promise<FeedEntry[]> {
    const begun = ({ kind, beadId }: FeedEntry): boolean =>
      kind === "session.started" && ids.includes(beadId ?? "");
    return this.seen("agents at work", begun, ids.length);
  }

  /** Resolves when the agent of a session has said this. Its prompt may hold the same words. */
  async heard(sessionId: string, words: string): Promise<void> {
    const topics = new Topics();
    topics.add(`session:${sessionId}`, 0);
    const signal = AbortSignal.timeout(this.limitMs);
    const frames = liveFrames(this.api(signal), { townId: this.#townId, topics, signal });
    for await (const frame of frames)
      if (frame.type === "transcript" && saidBy(frame.item).includes(words)) return;
  }

  /** Resolves when these beads are merged. A bead that rests after a failed attempt is woken. */
  async land(ids: readonly string[]): Promise<void> {
    await this.until("everything to land", async () => {
      await this.#endRests();
      const beads = await Promise.all(ids.map((id) => this.bead(id)));
      const lost = beads.find(({ status, reason, held }) => {
        return held || status === "failed" || (status === "closed" && reason !== "merged");
      });
      if (lost !== undefined)
        throw new Error(`${lost.title} is ${lost.status}: ${lost.reason}, held: ${lost.held}`);
      return beads.every(({ status }) => status === "closed") ? true : undefined;
    });
  }

  async #endRests(): Promise<void> {
    const api = this.api();
    const { items } = await api.get(listOf(beadShape), `${this.townPath}/beads`, { status: "open" });
    for (const { id } of items.filter(({ waitingOn }) => waitingOn?.code === "cooldown")) {
      try {
        await api.post(beadShape, `${this.townPath}/beads/${id}/retry`);
      } catch (error) {
        // Its rest was over meanwhile.
        if (!(error instanceof GastownError) || error.code !== "invalid_transition") throw error;
      }
    }
  }

  /** Ends what this town started, by process id, and removes its folders. */
  async end(): Promise<void> {
    for (const runner of this.world.runners()) this.killRunner(runner);
    for (const { pid } of this.#townId === "" ? [] : this.workers()) endProcess(pid);
    await this.world.end();
  }
}

const agentWords = z.object({
  update: z.object({
    sessionUpdate: z.literal("agent_message_chunk"),
    content: z.object({ text: z.string() }),
  }),
});

/** The words of an agent in an item of its transcript; none in a prompt, a tool's output or a notice. */
function saidBy({ data }: TranscriptItem): string {
  const words = agentWords.safeParse(data);
  return words.success ? words.data.update.content.text : "";
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
