/** An agent program under test, driven by the runner's own ACP client, and the sessions on it. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionUpdate } from "@agentclientprotocol/sdk";
import type { AcpAgent, ToolServer, TurnReply } from "../../packages/runner/src/agents/acp-agent.ts";
import { AgentProcess } from "../../packages/runner/src/agents/agent-process.ts";
import { launchSpec, type LaunchSpec } from "../../packages/runner/src/agents/launch-spec.ts";
import { Redactor } from "../../packages/runner/src/agents/redact.ts";
import { resolveRuntime } from "../../packages/runner/src/agents/resolve-runtime.ts";
import type { ResolvedRuntime } from "../../packages/runner/src/agents/resolve-runtime.ts";
import type { RuntimeOverride } from "../../packages/runner/src/agents/runtimes.ts";
import { markedProcesses } from "../../packages/runner/src/processes/process-table.ts";
import { answerPermission } from "../../packages/runner/src/sessions/permissions.ts";
import { FakeTown } from "../../packages/runner/src/testing/fake-town.ts";
import { SCRIPTED_PROGRAM, World } from "../../packages/runner/src/testing/harness.ts";
import { ToolRelay } from "../../packages/runner/src/tools/relay.ts";
import type { Relayed } from "../../packages/runner/src/tools/relay.ts";
import { Facts } from "../../packages/runner/src/testing/wait-for.ts";
import type { ModelServer } from "../real-agents/model-server.ts";
import { Hold, promptOf, type Plans, type Step } from "./steps.ts";

export interface SubjectOptions {
  readonly id: string;
  /** Where the program is found; the host's own where it is left out. */
  readonly path?: string;
  readonly override?: RuntimeOverride;
  /** The model behind a real agent, with the plans that it plays; null: the agent has no model. */
  readonly model: { readonly server: ModelServer; readonly plans: Plans } | null;
  /** The environment of the host, with the home of whoever is logged in. */
  readonly hostEnv: Readonly<Record<string, string>>;
}

let turns = 0;

export class Subject {
  readonly options: SubjectOptions;
  readonly root: string = realpathSync(mkdtempSync(join(tmpdir(), "gastown-conformance-")));
  readonly town: FakeTown = new FakeTown();
  readonly facts: Facts = new Facts();
  readonly #relay = new ToolRelay();
  /** The tools of each session by its name. */
  readonly #tools = new Map<string, Relayed>();
  readonly #resolved: ResolvedRuntime;
  readonly #spec: LaunchSpec;
  readonly #world = new World();
  #instances = 0;
  #process: AgentProcess;

  private constructor(options: SubjectOptions) {
    this.options = options;
    this.#resolved = this.#resolve();
    this.#spec = this.#launchSpec();
    this.#process = this.#launch();
  }

  static async start(options: SubjectOptions): Promise<Subject> {
    const subject = new Subject(options);
    await subject.town.start();
    await subject.#relay.listen();
    return subject;
  }

  get #path(): string {
    return this.options.path ?? process.env["PATH"] ?? "";
  }

  #resolve(): ResolvedRuntime {
    const { id, override } = this.options;
    return resolveRuntime(id, {
      path: this.#path,
      scripted: { command: process.execPath, args: [SCRIPTED_PROGRAM] },
      overrides: override === undefined ? {} : { [id]: override },
    });
  }

  #launchSpec(): LaunchSpec {
    return launchSpec({
      resolved: this.#resolved,
      role: "mayor",
      system: "You are under test.",
      modes: [],
      model: null,
      smallModel: null,
      permission: "allow_in_worktree",
      townEnv: {},
      hostEnv: { PATH: this.#path, ...this.options.hostEnv },
      townId: "town_test",
      apiUrl: "http://127.0.0.1:1",
      shims: null,
      cwd: this.root,
    });
  }

  #launch(): AgentProcess {
    this.#instances += 1;
    const marker = `conformance-${process.pid}-${this.options.id}-${this.#instances}`;
    const redactor = new Redactor();
    return new AgentProcess({
      spec: this.#spec,
      root: this.root,
      marker,
      redactor,
      log: () => undefined,
      logs: null,
    });
  }

  get agent(): Promise<AcpAgent> {
    return this.#process.agent;
  }

  get process(): AgentProcess {
    return this.#process;
  }

  /** The agent's processes that live, its tools' children among them. */
  processes(): number[] {
    return markedProcesses(this.#process.marker).map(({ pid }) => pid);
  }

  /** Another process of the same launch, as after a crash. */
  restart(): void {
    this.#process = this.#launch();
  }

  /** A new session, in a directory of its own unless one is named. */
  async open(name: string, dir: string = name): Promise<Conversation> {
    const cwd = join(this.root, dir);
    mkdirSync(cwd, { recursive: true });
    const server = this.server(name, `token-of-${name}`);
    const { conversationId, options } = await (await this.agent).open(cwd, server);
    return new Conversation(this, { id: conversationId, name, cwd, options });
  }

  /** Its tools as the runner relays them; those that the session had before are taken away. */
  server(name: string, token: string): ToolServer {
    // The scripted agent takes its role from here: a mayor does what its messages say.
    const start = this.#world.start("", { role: "mayor", bead: null, rig: null, prompt: null });
    const prime = this.#world.town.primes.get(start.session_id);
    if (prime !== undefined) this.town.primes.set(name, prime);
    this.#tools.get(name)?.close();
    const url = `${this.town.url}/api/towns/t/sessions/${name}/mcp`;
    const { mcpTransport: transport } = this.#resolved.runtime;
    const endpoint = () => ({ url, token });
    const tools = this.#relay.open("gastown", { sessionId: name, transport, endpoint });
    this.#tools.set(name, tools);
    return tools.server;
  }

  hold(): Hold {
    turns += 1;
    return new Hold(join(this.root, `hold-${turns}`));
  }

  async end(): Promise<void> {
    this.#process.kill("stopped");
    await this.#process.dead;
    await this.#relay.close();
    await this.town.stop();
    await this.#world.close();
    rmSync(this.root, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Opened {
  readonly id: string;
  readonly name: string;
  readonly cwd: string;
  readonly options: readonly string[];
}

/** One session of the agent, as the runner has it. */
export class Conversation {
  readonly opened: Opened;
  readonly asked: string[] = [];
  /** How permission requests are answered. */
  policy: "allow" | "deny" = "allow";
  readonly #subject: Subject;
  readonly #holds = new Set<Hold>();
  #said = "";

  constructor(subject: Subject, opened: Opened) {
    this.#subject = subject;
    this.opened = opened;
    void this.bind();
  }

  /** Everything that the agent said to it so far. */
  get said(): string {
    return this.#said;
  }

  async bind(): Promise<void> {
    (await this.#subject.agent).bind(this.opened.id, {
      update: (update) => this.#update(update),
      permission: (request) => {
        this.asked.push(request.toolCall.title ?? "");
        return Promise.resolve(answerPermission(request, this.policy));
      },
    });
  }

  /** One turn with this plan. */
  async turn(...steps: Step[]): Promise<TurnReply> {
    turns += 1;
    this.#subject.options.model?.plans.set(turns, steps);
    for (const step of steps) if (step instanceof Hold) this.#holds.add(step);
    const text = promptOf(turns, steps);
    return (await this.#subject.agent).prompt(this.opened.id, text);
  }

  async cancel(): Promise<void> {
    await (await this.#subject.agent).cancel(this.opened.id);
  }

  async set(option: string, value: string): Promise<void> {
    await (await this.#subject.agent).setOption(this.opened.id, option, value);
  }

  /** Resolves when the agent has said this. */
  heard(words: string): Promise<true> {
    return this.#subject.facts.until(`the words "${words}"`, () => this.#said.includes(words));
  }

  #update(update: SessionUpdate): void {
    if (update.sessionUpdate === "agent_message_chunk" && update.content.type === "text")
      this.#said += update.content.text;
    // The scripted agent has no model that would wait: its tool does.
    if (update.sessionUpdate === "tool_call")
      for (const hold of this.#holds) if (update.title.endsWith(hold.file)) void hold.wait();
    this.#subject.facts.changed();
  }
}
