/**
 * Where a session is: its directories, its agent process, and its conversation there. Opened by one
 * pipeline, and moved by the second half of the same one when the launch spec changes.
 */
import { SESSION_LOGS, type SessionLog, type StartPhase, type StartRequest } from "@gastown/protocol";
import type { AgentProcess, Death } from "../agents/agent-process.ts";
import type { Lease } from "../agents/pool.ts";
import { Conversation } from "./conversation.ts";
import { treeMemory } from "../processes/process-memory.ts";
import type { SessionDeps } from "./deps.ts";
import type { Directories } from "./directories.ts";
import { wantedKey } from "./launching.ts";
import { leave, recordSlot } from "./leaving.ts";
import type { Ending } from "./leaving.ts";
import { moveConversation } from "./move.ts";
import { openSession } from "./open-session.ts";
import type { OpenOptions } from "./open-session.ts";
import type { Relayed } from "../tools/relay.ts";
import { startFields, type Transcript } from "./transcript.ts";
import type { UsageMeter } from "./usage-meter.ts";
import { WorkKeeper } from "./work-keeper.ts";

export interface PlaceOptions {
  readonly request: StartRequest;
  readonly deps: SessionDeps;
  readonly transcript: Transcript;
  readonly usage: UsageMeter;
  readonly handlers: OpenOptions["handlers"];
  readonly signal: AbortSignal;
  readonly onDirectories: (directories: Directories) => void;
  readonly onDeath: (death: Death) => void;
  readonly readBack: OpenOptions["readBack"];
  /** Whether there may be something new to save. */
  readonly isWorking: () => boolean;
}

const MIB = 1_024 * 1_024;

export class Place {
  /** Saves what the session does while it goes on. */
  readonly keeper: WorkKeeper;
  readonly #options: PlaceOptions;
  #lease: Lease | null = null;
  #directories: Directories | null = null;
  #conversation: Conversation | null = null;
  #moving: Promise<void> | null = null;
  #tools: Relayed | null = null;
  #readyAt: string | null = null;
  #setupLog: string | null = null;
  /** Those that it has had, the present one last. */
  readonly #processes = new Set<AgentProcess>();

  constructor(options: PlaceOptions) {
    this.#options = options;
    const { request, deps, isWorking } = options;
    this.keeper = new WorkKeeper({ request, deps, isWorking, directories: () => this.#directories });
  }

  get lease(): Lease | null {
    return this.#lease;
  }

  /** Null until git has prepared them. */
  get directories(): Directories | null {
    return this.#directories;
  }

  /** Null until the agent has its tools. */
  get conversation(): Conversation | null {
    return this.#conversation;
  }

  /** When its agent had its tools (ISO time). */
  get readyAt(): string | null {
    return this.#readyAt;
  }

  /** Resolves when it is over, whatever came of it; null while it is not moving. */
  get moving(): Promise<void> | null {
    return this.#moving;
  }

  get stderrTail(): string {
    return this.#lease?.process.stderrTail() ?? "";
  }

  /** Where a person finds what its setup and its agents said (spec/api.md §3.8). */
  get logs(): SessionLog[] {
    const setup = this.#setupLog === null ? [] : [{ kind: "setup" as const, log_id: this.#setupLog }];
    const stderr = [...this.#processes].flatMap(({ stderrLog }) => {
      return stderrLog === null ? [] : [{ kind: "stderr" as const, log_id: stderrLog }];
    });
    return [...setup, ...stderr].slice(-SESSION_LOGS);
  }

  /** @throws StartRefusal and what git says; nothing is left running that is not released later */
  async open(): Promise<Conversation> {
    const { request, deps, transcript } = this.#options;
    transcript.started(startFields(request));
    const opened = await openSession(this.#openOptions());
    const conversation = new Conversation(request, opened, () => wantedKey(request, deps));
    this.#conversation = conversation;
    this.#readyAt = new Date().toISOString();
    this.#watch(opened.lease);
    this.record();
    return conversation;
  }

  /** Between turns: the same conversation in a process of the spec that is wanted now. */
  async move(conversation: Conversation): Promise<void> {
    const moving = moveConversation(this.#openOptions(), conversation);
    this.#moving = moving.catch(() => undefined);
    try {
      await moving;
      this.#watch(conversation.opened.lease);
    } finally {
      this.#moving = null;
    }
  }

  /**
   * At the end of a turn: a process that holds more than it may is left by all of its sessions, each between
   * its own turns (spec/agents-facts.md §11: closing conversations frees nothing).
   */
  async leaveIfLarge(): Promise<void> {
    const { request, deps } = this.#options;
    const { lease, conversation } = this;
    if (lease === null || lease.isRecycled || conversation?.canMove !== true) return;
    const bytes = await treeMemory(lease.process.pid);
    if (bytes === null || bytes <= request.settings.process_memory_mb * MIB || lease.isRecycled) return;
    lease.recycle();
    deps.options.log("agent.process_large", { pid: lease.process.pid, bytes });
    deps.proceed();
  }

  /** A renewed token: the next call of a tool uses it. */
  renew(token: string): void {
    const { request, deps } = this.#options;
    deps.redactor.add(token);
    request.mcp = { ...request.mcp, token };
  }

  /** Notes what the slot holds, for whoever comes after (spec/runner.md §2). */
  record(): void {
    if (this.#directories === null) return;
    const { request, deps, usage } = this.#options;
    recordSlot(deps, request, this.#directories, { conversation: this.#conversation, usage, saved: false });
  }

  /** Its turn is over: its tools are taken away, its work is saved, and then the town told of its end. */
  async saveAndReport(ending: Ending): Promise<void> {
    this.#tools?.close();
    await this.keeper.end();
    await leave({
      ...this.#options,
      directories: this.#directories,
      process: this.#lease?.process,
      logs: this.logs,
      conversation: this.#conversation,
      ending,
    });
  }

  leave(): void {
    this.#conversation?.close();
    this.#lease?.release();
  }

  /** A process that the session has left may die without it. */
  #watch(lease: Lease): void {
    const onDeath = (death: Death): void => {
      if (lease !== this.#lease) return;
      this.#tools?.close();
      this.#options.onDeath(death);
    };
    void lease.process.dead.then(onDeath);
  }

  #openOptions(): OpenOptions {
    const { request, deps, transcript, handlers, signal, onDirectories, readBack } = this.#options;
    return {
      request,
      deps,
      previous: deps.slots.read(request.agent.id),
      signal,
      handlers,
      readBack,
      phase: (phase: StartPhase) => {
        deps.sender.status(request.session_id, { epoch: request.epoch, phase });
      },
      notice: (text) => transcript.notice("warning", text),
      onLease: (lease) => {
        this.#lease = lease;
        this.#processes.add(lease.process);
      },
      toolServer: ({ mcpTransport: transport }) => {
        this.#tools?.close();
        const { session_id: sessionId, mcp } = request;
        this.#tools = deps.tools.open(mcp.name, { sessionId, transport, endpoint: () => request.mcp });
        deps.redactor.add(this.#tools.server.token);
        return this.#tools.server;
      },
      onSetupLog: (logId) => {
        this.#setupLog = logId;
        // Whoever waits for a long one wants to see it now.
        void deps.pulse.now();
      },
      onDirectories: (directories) => {
        this.#directories = directories;
        this.record();
        onDirectories(directories);
      },
    };
  }
}
