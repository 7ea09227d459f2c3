/** Drain and eviction (spec/runner.md §6). */
import type { FailureReason } from "@gastown/protocol";
import type { Pool } from "../agents/pool.ts";
import type { Sender } from "../callbacks/sender.ts";
import { anyAnswer } from "../callbacks/town-client.ts";
import type { TownClient } from "../callbacks/town-client.ts";
import type { Log, Timing } from "../options.ts";
import type { LaterSaves } from "../sessions/later-saves.ts";
import type { Registry } from "../sessions/registry.ts";
import type { Session } from "../sessions/session.ts";
import type { SlotRecords } from "../sessions/slot-record.ts";
import { within } from "../wait.ts";
import type { Patience } from "./patience.ts";

export type DrainReason = "sigterm" | "host" | "request";

export interface DrainDeps {
  readonly registry: Registry;
  readonly pool: Pool;
  readonly slots: SlotRecords;
  readonly laterSaves: LaterSaves;
  readonly sender: Sender;
  readonly town: TownClient;
  readonly log: Log;
  readonly timing: Pick<Timing, "stragglerMs" | "lastMs">;
  readonly patience: Patience;
  /** Boot, which may be saving what an earlier instance left. */
  readonly booted: Promise<void>;
}

const CALL_MS = 5_000;
const FLUSH_MS = 15_000;

const EVICTED: FailureReason = { code: "drained", message: "The runner ends; the bead is given out again." };
const FENCED: FailureReason = { code: "runner_fenced", message: "A newer runner took over." };

/** A last call of this instance: without an answer it goes on, the heartbeats' flag says the same. */
async function tell({ town, log }: DrainDeps, path: string, body: object): Promise<void> {
  if (!town.isRegistered) return;
  try {
    await town.post(path, JSON.stringify(body), { answer: anyAnswer, timeoutMs: CALL_MS });
  } catch (thrown) {
    log("drain.untold", { path, message: String(thrown) });
  }
}

/**
 * Tells the town, lets running turns end while there is patience, evicts what is left with its work
 * saved, and delivers what is still in the outbox. The mayor and idle sessions go at once.
 * @returns sessions whose work is only on this machine; the next instance tries again
 */
export async function drain(deps: DrainDeps, reason: DrainReason): Promise<string[]> {
  const { registry, sender, log, patience } = deps;
  registry.drain();
  log("drain.started", { reason, sessions: registry.live().length });
  await tell(deps, "runner/drain", { reason });
  const tried = deps.laterSaves.end();
  const sessions = registry.live();
  const finishing = sessions.filter((session) => mayFinish(session, patience));
  for (const session of sessions)
    session.stop(finishing.includes(session) ? "graceful" : "now", EVICTED, "evicted");
  const finished = Promise.all(finishing.map((session) => session.gone));
  await Promise.race([finished, aborted(patience.noWait)]);
  await endAll(deps, sessions, EVICTED);
  await inTime(Promise.all([deps.booted, tried]), deps.timing.lastMs, deps);
  deps.laterSaves.abort();
  const flushed = sender.flush(FLUSH_MS);
  const delivered = (await inTime(flushed, FLUSH_MS, deps)) && (await flushed);
  const unsaved = leftBehind(deps, sessions);
  log("drain.over", { delivered, unsaved });
  await tell(deps, "runner/drained", { sessions: sessions.map(({ id }) => id) });
  return unsaved;
}

function mayFinish(session: Session, patience: Patience): boolean {
  return !patience.noWait.aborted && !session.isMayor && session.isBusy;
}

/** Fenced, or never let in: agents are stopped and their work is saved; the town takes no report. */
export async function abandon(deps: DrainDeps): Promise<string[]> {
  const { registry } = deps;
  registry.drain();
  const sessions = registry.live();
  const tried = deps.laterSaves.end();
  await endAll(deps, sessions, FENCED);
  await inTime(tried, deps.timing.lastMs, deps);
  deps.laterSaves.abort();
  return leftBehind(deps, sessions);
}

/** All at once, inside one deadline; what does not end by itself in it is killed. */
async function endAll(
  { pool, patience, timing }: DrainDeps,
  sessions: readonly Session[],
  reason: FailureReason,
): Promise<void> {
  for (const session of sessions) session.stop("now", reason, "evicted");
  const gone = Promise.all(sessions.map((session) => session.gone));
  if (await within(gone, timing.stragglerMs, patience.hurry)) return;
  pool.kill();
  await within(gone, timing.lastMs);
}

/** Whether it was over in time; from when it has to hurry on, that is a few seconds. */
async function inTime(work: Promise<unknown>, ms: number, { patience, timing }: DrainDeps): Promise<boolean> {
  const { hurry } = patience;
  return (await within(work, ms, hurry)) || (hurry.aborted && (await within(work, timing.lastMs)));
}

/** Sessions that are not gone, or whose work is on no remote: also those that had ended before. */
function leftBehind({ slots }: DrainDeps, sessions: readonly Session[]): string[] {
  const unsaved = slots.all().flatMap((record) => (record.saved ? [] : [record.session_id]));
  return [...new Set([...sessions.filter(({ isGone }) => !isGone).map(({ id }) => id), ...unsaved])];
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener("abort", () => done(), { once: true });
  });
}
