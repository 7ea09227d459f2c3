/** Drain and eviction (spec/runner.md §6). */
import type { FailureReason } from "@gastown/protocol";
import type { Sender } from "../callbacks/sender.ts";
import { anyAnswer } from "../callbacks/town-client.ts";
import type { TownClient } from "../callbacks/town-client.ts";
import type { Log } from "../options.ts";
import type { Registry } from "../sessions/registry.ts";
import type { Session } from "../sessions/session.ts";
import { within } from "../wait.ts";

export type DrainReason = "sigterm" | "host" | "request";

export interface DrainDeps {
  readonly registry: Registry;
  readonly sender: Sender;
  readonly town: TownClient;
  readonly log: Log;
}

const CALL_MS = 5_000;
const FLUSH_MS = 15_000;

const EVICTED: FailureReason = { code: "drained", message: "The runner ends; the bead is given out again." };

/** A last call of this instance: without an answer it goes on, the heartbeats' flag says the same. */
async function tell({ town, log }: DrainDeps, path: string, body: object): Promise<void> {
  try {
    await town.post(path, JSON.stringify(body), { answer: anyAnswer, timeoutMs: CALL_MS });
  } catch (thrown) {
    log("drain.untold", { path, message: String(thrown) });
  }
}

/**
 * Tells the town, lets running turns end for `waitMs`, evicts what is left with its work saved,
 * and delivers what is still in the outbox. The mayor and idle sessions go at once.
 */
export async function drain(deps: DrainDeps, reason: DrainReason, waitMs: number): Promise<void> {
  const { registry, sender, log } = deps;
  registry.drain();
  log("drain.started", { reason, wait_ms: waitMs, sessions: registry.live().length });
  await tell(deps, "runner/drain", { reason });
  const sessions = registry.live();
  for (const session of sessions)
    session.stop(mayFinish(session, waitMs) ? "graceful" : "now", EVICTED, "evicted");
  const gone = Promise.all(sessions.map((session) => session.gone));
  await within(gone, waitMs);
  for (const session of registry.live()) session.stop("now", EVICTED, "evicted");
  await gone;
  const delivered = await sender.flush(FLUSH_MS);
  log("drain.over", { delivered });
  await tell(deps, "runner/drained", { sessions: sessions.map(({ id }) => id) });
}

function mayFinish(session: Session, waitMs: number): boolean {
  return waitMs > 0 && !session.isMayor && session.isBusy;
}

/** Fenced, or never let in: agents are stopped and their work is saved; the town takes no report. */
export async function abandon(registry: Registry): Promise<void> {
  registry.drain();
  const sessions = registry.live();
  const reason = { code: "runner_fenced", message: "A newer runner took over." };
  for (const session of sessions) session.stop("now", reason, "evicted");
  await Promise.all(sessions.map((session) => session.gone));
}
