/** The end of a session: its work is saved and reported before its directory is given on. */
import type { FailureReason, SessionEnded, SessionLog, StartRequest } from "@gastown/protocol";
import type { AgentProcess } from "../agents/agent-process.ts";
import { reapDirectory } from "../processes/reap.ts";
import type { SessionDeps } from "./deps.ts";
import type { Directories } from "./directories.ts";
import { cleaned } from "./refusal.ts";
import { NOTHING_SAVED, saveAll, whereabouts } from "./save-work.ts";
import type { Saved } from "./save-work.ts";
import type { Transcript } from "./transcript.ts";
import type { UsageMeter } from "./usage-meter.ts";

export interface Ending {
  readonly outcome: SessionEnded["outcome"];
  readonly reason: FailureReason;
}

/** What is kept of a conversation for the session that takes it up. */
interface ConversationRecord {
  readonly id: string;
  readonly opened: { readonly defaultModel: string | null };
}

export interface Leaving {
  readonly request: StartRequest;
  readonly deps: SessionDeps;
  /** Null: the start did not come so far. */
  readonly directories: Directories | null;
  readonly process: AgentProcess | undefined;
  readonly conversation: ConversationRecord | null;
  readonly usage: UsageMeter;
  readonly transcript: Transcript;
  readonly ending: Ending;
  readonly logs: readonly SessionLog[];
}

/** Saves, then tells the town: `ended` says that the agent is gone and its work is safe. */
export async function leave(leaving: Leaving): Promise<void> {
  const { request, deps, ending, transcript, usage } = leaving;
  const saved = await save(leaving);
  const problem = saved.problem === null ? "" : ` Its work is not on the remote: ${saved.problem}`;
  const told = cleaned({ ...ending.reason, message: ending.reason.message + problem }, deps.redactor);
  const reason = { ...told, message: told.message.slice(0, 4_000) };
  transcript.ended(ending.outcome, reason.message, saved.workRef);
  const body: SessionEnded = {
    epoch: request.epoch,
    outcome: ending.outcome,
    reason,
    ...whereabouts(saved),
    usage: usage.usage,
    ...(leaving.logs.length === 0 ? {} : { logs: [...leaving.logs] }),
  };
  deps.sender.ended(request.session_id, body);
  deps.options.log("session.gone", {
    session_id: request.session_id,
    outcome: ending.outcome,
    code: reason.code,
  });
}

async function save(leaving: Leaving): Promise<Saved> {
  const { request, deps, directories, process, conversation, usage } = leaving;
  if (directories === null) return NOTHING_SAVED;
  const { worktrees, cwd } = directories;
  // What its tools left running might still write while the work is saved, or after it.
  for (const dir of new Set([cwd, ...worktrees.map((worktree) => worktree.dir)])) {
    if (process !== undefined) reapDirectory(process.marker, dir, process.pid);
  }
  const { session_id: sessionId, author } = request;
  const saved = await saveAll(deps.git, { sessionId, author, worktrees }, deps.options.log);
  recordSlot(deps, request, directories, { conversation, usage, saved: saved.problem === null });
  return saved;
}

/** Notes which session has this directory and whether its work is saved (spec/runner.md §2). */
export function recordSlot(
  deps: SessionDeps,
  request: StartRequest,
  directories: Directories,
  state: { conversation: ConversationRecord | null; usage: UsageMeter; saved: boolean },
): void {
  deps.slots.write({
    agent_id: request.agent.id,
    session_id: request.session_id,
    epoch: request.epoch,
    role: request.role,
    author: request.author,
    worktrees: [...directories.worktrees],
    conversation_id: state.conversation?.id ?? request.resume_from,
    default_model: state.conversation?.opened.defaultModel ?? earlierDefault(deps, request),
    cost_total: state.usage.total,
    saved: state.saved,
  });
}

/** A start that has no conversation yet must not forget what is known of the one that it takes up. */
function earlierDefault(deps: SessionDeps, request: StartRequest): string | null {
  const earlier = deps.slots.read(request.agent.id);
  const goesOn = request.resume_from !== null && earlier?.conversation_id === request.resume_from;
  return goesOn ? earlier.default_model : null;
}
