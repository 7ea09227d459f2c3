/** The directory of a session: a rig's worktree, or the mayor's own with a checkout per rig. */
import { mkdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { RigRef, StartRequest } from "@gastown/protocol";
import { CHECKOUTS } from "../broker/messages.ts";
import type { SessionDeps } from "./deps.ts";
import { StartRefusal } from "./refusal.ts";
import { endOfLeftover, isSomewhere, saveAll } from "./save-work.ts";
import type { SlotRecord } from "./slot-record.ts";

export interface Directories {
  /** Real path in which the agent works; it is the session's identity (spec/runner.md §4). */
  readonly cwd: string;
  readonly worktrees: readonly { readonly dir: string; readonly rig: RigRef }[];
  /** Whether this session goes on with what it had there; false: it begins from its start point. */
  readonly kept: boolean;
}

export interface DirectoryOptions {
  readonly request: StartRequest;
  readonly deps: SessionDeps;
  readonly previous: SlotRecord | null;
  readonly notice: (text: string) => void;
  /** What its setup commands say is in this log. */
  readonly onSetupLog: (logId: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Prepares the slot's directory. What an earlier session left unsaved goes first: a worktree is
 * never given on before (spec/runner.md §5).
 */
export async function prepareDirectories(options: DirectoryOptions): Promise<Directories> {
  const { request, previous } = options;
  if (previous !== null && !previous.saved && previous.session_id !== request.session_id)
    await saveBefore(options, previous);
  return request.rig === null ? prepareOwn(options) : prepareWorktree(options, request.rig);
}

async function saveBefore({ deps }: DirectoryOptions, previous: SlotRecord): Promise<void> {
  const { session_id: sessionId, author, worktrees } = previous;
  const saved = await saveAll(deps.git, { sessionId, author, worktrees }, deps.options.log);
  if (saved.problem !== null) {
    throw new StartRefusal({
      code: "work_unsaved",
      phase: "worktree",
      message: `The work of session ${sessionId} in this directory is not saved yet. ${saved.problem}`,
      action: "Make the remote reachable for pushes. Saving, and then the start, are repeated by themselves.",
      until: Date.now() + deps.laterSaves.nextAfter(previous.agent_id),
    });
  }
  deps.slots.write({ ...previous, saved: true });
  // Its session has ended without being able to say where its work is.
  if (isSomewhere(saved)) deps.sender.ended(sessionId, endOfLeftover(previous, saved));
}

/** What is in the directory belongs to this very session, or to nobody that we know of. */
function goesOn({ request, previous }: DirectoryOptions): boolean {
  return request.resume && (previous === null || previous.session_id === request.session_id);
}

async function prepareWorktree(options: DirectoryOptions, rig: RigRef): Promise<Directories> {
  const { request, deps, signal } = options;
  const { dir, kept } = await deps.git.prepareWorktree({
    slot: request.agent.id,
    rig,
    branch: request.branch,
    startPoint: request.start_point ?? `refs/heads/${rig.default_branch}`,
    keep: goesOn(options),
    goesOn: request.resume && request.branch !== null ? request.session_id : null,
    author: request.author,
    signal,
  });
  const cwd = realpathSync(dir);
  return { cwd, worktrees: [{ dir: cwd, rig }], kept };
}

/** A rig that cannot be checked out is told, and does not keep the mayor from working. */
async function prepareOwn(options: DirectoryOptions): Promise<Directories> {
  const { request, deps, notice, signal } = options;
  const own = join(deps.options.root, request.role, request.agent.id);
  mkdirSync(join(own, CHECKOUTS), { recursive: true, mode: 0o700 });
  const cwd = realpathSync(own);
  const prepared = await Promise.all(
    request.checkouts.map(async (rig) => {
      try {
        const { dir } = await deps.git.prepareWorktree({
          slot: `${request.agent.id}-${rig.id}`,
          rig,
          branch: null,
          startPoint: `refs/heads/${rig.default_branch}`,
          keep: goesOn(options),
          goesOn: null,
          author: request.author,
          signal,
        });
        link(dir, join(cwd, CHECKOUTS, rig.name.replaceAll(/[^\w.-]/g, "_")));
        return { dir: realpathSync(dir), rig };
      } catch (thrown) {
        signal.throwIfAborted();
        notice(
          `The checkout of ${rig.name} failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
        );
        return null;
      }
    }),
  );
  const worktrees = prepared.filter((worktree) => worktree !== null);
  return { cwd, worktrees, kept: goesOn(options) };
}

function link(target: string, path: string): void {
  rmSync(path, { recursive: true, force: true });
  symlinkSync(target, path, "dir");
}
