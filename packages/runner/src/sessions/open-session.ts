/**
 * The one pipeline of a start, a resume and a prewarm (spec/runner.md §2, §3): worktree, process,
 * handshake, tools. The process is asked for first, so that a cold one starts while git works.
 */
import { RequestError } from "@agentclientprotocol/sdk";
import { RetryableError, sessionStatusAnswer } from "@gastown/protocol";
import type { SessionStatus, StartPhase, StartRequest } from "@gastown/protocol";
import type { AcpAgent, OpenedConversation, SessionHandlers, ToolServer } from "../agents/acp-agent.ts";
import type { Lease } from "../agents/pool.ts";
import { resolveRuntime } from "../agents/resolve-runtime.ts";
import type { ResolvedRuntime } from "../agents/resolve-runtime.ts";
import type { Runtime } from "../agents/runtimes.ts";
import { configure } from "./configure.ts";
import type { Configured } from "./configure.ts";
import type { SessionDeps } from "./deps.ts";
import { prepareDirectories } from "./directories.ts";
import type { Directories } from "./directories.ts";
import { SessionOver } from "./endings.ts";
import { acquire } from "./launching.ts";
import type { Ending } from "./leaving.ts";
import { StartRefusal } from "./refusal.ts";
import type { Settling } from "./settles.ts";
import { setUp } from "./setup.ts";
import type { SlotRecord } from "./slot-record.ts";
import { abortable, delay, within } from "../wait.ts";

export interface OpenOptions {
  readonly request: StartRequest;
  readonly deps: SessionDeps;
  readonly previous: SlotRecord | null;
  readonly handlers: SessionHandlers;
  readonly signal: AbortSignal;
  readonly phase: (phase: StartPhase) => void;
  readonly notice: (text: string) => void;
  readonly onSetupLog: (logId: string) => void;
  /** Told as soon as each exists, so that a start that fails later can be undone. */
  readonly onLease: (lease: Lease) => void;
  readonly onDirectories: (directories: Directories) => void;
  /** The tools for an agent of this runtime, the only ones of the session from then on. */
  readonly toolServer: (runtime: Runtime) => ToolServer;
  /** What becomes of work that was to be handed over and whose worktree is gone. */
  readonly readBack: (settling: Settling) => Promise<Ending>;
}

export interface Opened extends Configured {
  readonly runtime: Runtime;
  readonly lease: Lease;
  readonly agent: AcpAgent;
  readonly cwd: string;
  readonly conversationId: string;
  /** Ids of the options that can be set in this conversation, e.g. `model`. */
  readonly options: readonly string[];
  /** Whether an earlier conversation goes on. */
  readonly loaded: boolean;
}

const CONNECT_RETRY_MS = 250;
const PROCESS_ATTEMPTS = 3;
const TOOLS_WAIT_MS = 20_000;
const DEATH_NOTICE_MS = 1_000;
const AUTH_REQUIRED = -32_000;

export async function openSession(options: OpenOptions): Promise<Opened> {
  const { request, deps, signal, phase } = options;
  const resolved = resolveRuntime(request.runtime, deps.places);
  const early = place(options, resolved);
  phase("repository");
  const directories = await prepareDirectories(options);
  signal.throwIfAborted();
  if (request.settling && !directories.kept) throw new SessionOver(await options.readBack(request.settling));
  options.onDirectories(directories);
  deps.access?.open(request, directories.worktrees, signal);
  phase("worktree");
  if (request.rig !== null) await setUp(options, directories.cwd);
  return openConversation(options, directories.cwd, resolved, early);
}

/** From a directory to an agent that has its tools: the second half of a start, and all of a move. */
export async function openConversation(
  options: OpenOptions,
  cwd: string,
  resolved: ResolvedRuntime = resolveRuntime(options.request.runtime, options.deps.places),
  early: Lease = place(options, resolved),
): Promise<Opened> {
  const { request, deps, phase, previous, notice } = options;
  const { runtime } = resolved;
  phase("process");
  const { lease, agent } = await initialized(options, resolved, early);
  phase("handshake");
  // One limit for all of it, from here, where the agent has answered `initialize` (spec/runner.md §3).
  const deadline = performance.now() + deps.timing.toolsMs;
  const handshake = <T>(wanted: Promise<T>): Promise<T> =>
    alive(wanted, options, lease, { phase: "handshake", deadline });
  const conversation = await handshake(converse(options, agent, runtime, cwd));
  const { conversationId, loaded } = conversation;
  agent.bind(conversationId, options.handlers);
  const goesOn = previous?.conversation_id === conversationId;
  const defaultModel = goesOn ? previous.default_model : null;
  const [configured] = await Promise.all([
    handshake(configure({ request, agent, runtime, conversation, defaultModel, notice })),
    alive(awaitTools(options, conversationId, deadline), options, lease, { phase: "tools", deadline }),
  ]);
  return {
    ...configured,
    runtime,
    lease,
    agent,
    cwd,
    conversationId,
    options: conversation.options,
    loaded,
    systemInPrompt: configured.systemInPrompt && !loaded,
  };
}

function place({ request, deps, onLease }: OpenOptions, resolved: ResolvedRuntime): Lease {
  const lease = acquire(request, deps, resolved);
  onLease(lease);
  return lease;
}

/**
 * Waits until the process can be talked to. One that dies before that is started again, twice: two
 * processes of a runtime that make its store in a new home at the same time may break one of them
 * (measured with `kilo acp`: "CREATE TABLE" fails in one).
 */
async function initialized(
  options: OpenOptions,
  resolved: ResolvedRuntime,
  early: Lease,
): Promise<{ lease: Lease; agent: AcpAgent }> {
  let lease = early;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const deadline = performance.now() + options.deps.timing.initializeMs;
      return {
        lease,
        agent: await alive(lease.process.agent, options, lease, { phase: "process", deadline }),
      };
    } catch (thrown) {
      const died = thrown instanceof StartRefusal && thrown.reason.code === "agent_exited";
      if (!died || attempt === PROCESS_ATTEMPTS) throw thrown;
      lease.release();
      lease = place(options, resolved);
    }
  }
}

interface Step {
  readonly phase: StartPhase;
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
}

/** Waits no longer than the process lives, the session is wanted and the handshake may take. */
async function alive<T>(
  wanted: Promise<T>,
  options: OpenOptions,
  lease: Lease,
  { phase, deadline }: Step,
): Promise<T> {
  const { signal, request } = options;
  const timer = new AbortController();
  const dead = lease.process.dead.then((death) => {
    throw new StartRefusal({
      code: death.cause === "killed" ? "agent_killed" : "agent_exited",
      phase,
      message: death.message,
      action: `Start "${request.runtime}" by hand on this machine and see what it says.`,
      stderr_tail: lease.process.stderrTail(),
    });
  });
  const late = delay(Math.max(0, deadline - performance.now()), timer.signal).then(() => {
    if (timer.signal.aborted) return new Promise<never>(() => undefined);
    // Whatever is wrong with that process, the next start must not meet it again.
    lease.retire();
    throw tooLate(options, phase, lease.process.stderrTail());
  });
  try {
    return await abortable(Promise.race([wanted, dead, late]), signal);
  } catch (thrown) {
    const plain = thrown instanceof StartRefusal || thrown instanceof RequestError || signal.aborted;
    // A dying agent first breaks its connection: its death says more than that error does.
    if (!plain) await within(dead, DEATH_NOTICE_MS);
    if (!plain && !lease.process.alive) await dead;
    throw withLogin(thrown, request.runtime, lease.process.stderrTail());
  } finally {
    timer.abort();
    wanted.catch(() => undefined);
    dead.catch(() => undefined);
  }
}

/** No agent ever works without its tools: what is not ready in time gets no prompt (spec/runner.md §3). */
function tooLate({ request, deps }: OpenOptions, phase: StartPhase, stderrTail: string): StartRefusal {
  const { runtime, mcp } = request;
  const { initializeMs, toolsMs } = deps.timing;
  const within = `within ${(phase === "process" ? initializeMs : toolsMs) / 1_000} s`;
  const tail = stderrTail === "" ? {} : { stderr_tail: stderrTail };
  if (phase === "tools")
    return new StartRefusal({
      code: "tools_missing",
      phase,
      message: `The agent "${runtime}" did not list this session's tools ${within}.`,
      action: `Check that the agent speaks MCP over HTTP and reaches this runner on 127.0.0.1, and the runner ${mcp.url}.`,
      ...tail,
    });
  const what = phase === "process" ? "did not answer initialize" : "did not open a session with its tools";
  return new StartRefusal({
    code: phase === "process" ? "handshake_timeout" : "tools_missing",
    phase,
    message: `The agent "${runtime}" ${what} ${within}.`,
    action: "See its stderr; a login or a download may be waiting for a person.",
    ...tail,
  });
}

function withLogin(thrown: unknown, runtime: string, stderrTail: string): unknown {
  if (!(thrown instanceof RequestError)) return thrown;
  const login = thrown.code === AUTH_REQUIRED;
  return new StartRefusal({
    code: login ? "runtime_missing" : "handshake_failed",
    phase: "handshake",
    message: login
      ? `The agent "${runtime}" is not logged in.`
      : `The agent "${runtime}" refused: ${thrown.message}`,
    action: login
      ? "Log it in on this machine; `gastown doctor` says how."
      : "See its stderr and its own manual.",
    ...(stderrTail === "" ? {} : { stderr_tail: stderrTail }),
  });
}

async function converse(
  { request, notice, toolServer }: OpenOptions,
  agent: AcpAgent,
  runtime: Runtime,
  cwd: string,
): Promise<OpenedConversation & { loaded: boolean }> {
  const server = toolServer(runtime);
  const { load, resume } = agent.capabilities;
  if (request.resume_from !== null && runtime.supportsLoad && (load || resume)) {
    try {
      return { ...(await agent.reopen(request.resume_from, cwd, server)), loaded: true };
    } catch (thrown) {
      if (!(thrown instanceof RequestError)) throw thrown;
      notice(`The earlier conversation could not be taken up (${thrown.message}); a new one begins.`);
    }
  }
  return { ...(await agent.open(cwd, server)), loaded: false };
}

/** Ends when the server has seen the tools listed; when that comes too late, its caller has given up. */
async function awaitTools(
  { request, deps, signal }: OpenOptions,
  conversationId: string,
  deadline: number,
): Promise<void> {
  for (;;) {
    const left = Math.floor(deadline - performance.now());
    if (left <= 0) return new Promise<never>(() => undefined);
    const wait_ms = Math.min(TOOLS_WAIT_MS, left);
    const body: SessionStatus = {
      epoch: request.epoch,
      phase: "tools",
      wait_ms,
      conversation_id: conversationId,
    };
    try {
      const path = `sessions/${request.session_id}/status`;
      const timeoutMs = wait_ms + 10_000;
      const answer = await deps.town.post(path, JSON.stringify(body), {
        answer: sessionStatusAnswer,
        signal,
        timeoutMs,
      });
      if (answer.tools_listed) return;
    } catch (thrown) {
      if (!(thrown instanceof RetryableError)) throw thrown;
    }
    // The answer waits by itself; one that came at once must not be asked for in a tight loop.
    await delay(CONNECT_RETRY_MS, signal);
    signal.throwIfAborted();
  }
}
