/**
 * Work that could not be saved when its session ended: tried again by itself, until it is (spec/runner.md §5
 * "WIP safety"). Each slot for itself, with one timer at a time:
 *
 *   none    → waiting   nobody has the slot, and its record says "unsaved"
 *   waiting → trying    its time has come: nobody is given the directory meanwhile
 *   trying  → none      it is saved, and the town is told where
 *   trying  → waiting   not yet: the wait grows with every failure
 *   any     → none      a session wants the directory, and saves by itself before it touches it
 */
import { backoffMs } from "../backoff.ts";
import type { Sender } from "../callbacks/sender.ts";
import type { GitWorkspace } from "../git/index.ts";
import type { Log, SetTimer } from "../options.ts";
import { endOfLeftover, isSomewhere, saveAll } from "./save-work.ts";
import type { SlotRecord, SlotRecords } from "./slot-record.ts";

export interface LaterSavesOptions {
  readonly git: Pick<GitWorkspace, "saveWork">;
  readonly slots: Pick<SlotRecords, "read" | "write">;
  readonly sender: Pick<Sender, "ended">;
  readonly log: Log;
  readonly setTimer: SetTimer;
  /** Length of a minute, in milliseconds. */
  readonly minuteMs: number;
  /** Keeps a directory from being used until that is over. */
  readonly hold: (agentId: string, work: Promise<unknown>) => void;
}

interface Waiting {
  readonly stopTimer: () => void;
}

interface Trying {
  readonly over: Promise<void>;
  readonly abort: AbortController;
}

export class LaterSaves {
  readonly #options: LaterSavesOptions;
  readonly #waiting = new Map<string, Waiting>();
  readonly #trying = new Map<string, Trying>();
  /** Failures in a row, by slot; a session that tried and failed in between counts as one. */
  readonly #failures = new Map<string, number>();
  #ended = false;

  constructor(options: LaterSavesOptions) {
    this.#options = options;
  }

  /** Nobody has this slot: what is unsaved there is tried again after a while. Otherwise nothing. */
  look(agentId: string): void {
    if (this.#ended || this.#waiting.has(agentId) || this.#trying.has(agentId)) return;
    const record = this.#unsaved(agentId);
    if (record === null) return;
    const failures = (this.#failures.get(agentId) ?? 0) + 1;
    this.#failures.set(agentId, failures);
    const ms = backoffMs(failures, this.#options.minuteMs);
    this.#options.log("session.save_waits", { session_id: record.session_id, ms });
    const stopTimer = this.#options.setTimer(ms, () => {
      this.#waiting.delete(agentId);
      this.#try(agentId);
    });
    this.#waiting.set(agentId, { stopTimer });
  }

  /** How long after a failure now it is tried again, in milliseconds. */
  nextAfter(agentId: string): number {
    return backoffMs((this.#failures.get(agentId) ?? 0) + 1, this.#options.minuteMs);
  }

  /** A session wants the directory. It gets that as soon as a try that is under way has noticed. */
  giveWay(agentId: string): void {
    this.#waiting.get(agentId)?.stopTimer();
    this.#waiting.delete(agentId);
    this.#trying.get(agentId)?.abort.abort(new Error("A session has this directory now, and saves first."));
  }

  /** The runner ends: everything that waits is tried once more, now, and nothing after that. */
  async end(): Promise<void> {
    this.#ended = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [agentId, { stopTimer }] of waiting) {
      stopTimer();
      this.#try(agentId);
    }
    await Promise.all([...this.#trying.values()].map(({ over }) => over));
  }

  /** No time is left for what is under way. */
  abort(): void {
    for (const { abort } of this.#trying.values()) abort.abort(new Error("The runner ends."));
  }

  #unsaved(agentId: string): SlotRecord | null {
    const record = this.#options.slots.read(agentId);
    if (record !== null && !record.saved) return record;
    this.#failures.delete(agentId);
    return null;
  }

  #try(agentId: string): void {
    const record = this.#unsaved(agentId);
    if (record === null) return;
    const abort = new AbortController();
    const over = this.#over(record, abort.signal);
    this.#trying.set(agentId, { over, abort });
    this.#options.hold(agentId, over);
  }

  async #over(record: SlotRecord, signal: AbortSignal): Promise<void> {
    const { agent_id: agentId } = record;
    const isSaved = await this.#save(record, signal);
    this.#trying.delete(agentId);
    if (isSaved) this.#failures.delete(agentId);
    // Who made it give way looks again when that session is gone.
    else if (!signal.aborted) this.look(agentId);
  }

  /** Whether everything is saved; never rejects. */
  async #save(record: SlotRecord, signal: AbortSignal): Promise<boolean> {
    const { git, slots, sender, log } = this.#options;
    const { session_id: sessionId, author, worktrees } = record;
    try {
      const saved = await saveAll(git, { sessionId, author, worktrees }, log, { signal, once: true });
      if (saved.problem !== null) return false;
      slots.write({ ...record, saved: true });
      if (isSomewhere(saved)) sender.ended(sessionId, endOfLeftover(record, saved));
      log("session.saved_later", { session_id: sessionId, work_ref: saved.workRef });
      return true;
    } catch (thrown) {
      // A full disk, say: the record still says "unsaved".
      log("session.save_failed", { session_id: sessionId, message: String(thrown) });
      return false;
    }
  }
}
