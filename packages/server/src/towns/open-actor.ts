/**
 * The actor of one town: command → tick at once → pages, waiters, effects, next wake.
 *
 * A tick is scheduled in a microtask, so that commands that arrive together share one, and an
 * answer is on its way before the tick runs. Effects are claimed by the same turn that ticked: a
 * claim commits before its call leaves, and two turns never claim at once.
 */
import { CLOSE_CODES, GastownError } from "@gastown/protocol";
import type { ClaimedEffect, EffectAnswer, Town } from "@gastown/town";
import { createFeed } from "../live/feed.ts";
import { createTickets } from "../live/tickets.ts";
import type { TownActor, TownActorOptions } from "./actor.ts";
import { createEffectRuns } from "./effect-runs.ts";
import { createWaiters } from "./waiters.ts";

const STUCK_PAUSE_MS = 1_000;
/** A storage that takes nothing is asked again after 1 s, doubling to this: a full disk may be cleaned up. */
const LONGEST_TROUBLE_MS = 30_000;

/**
 * Takes over an open town and runs a first tick at once. Call `town.hostStarted()` before it where
 * the host process began.
 */
export function openTownActor(options: TownActorOptions): TownActor {
  const { town } = options;
  const durably = options.durably ?? (<T>(fn: () => T): T => fn());
  const { now, setTimer, version, followLog } = options;
  const feed = createFeed({ town, now, setTimer, version, followLog });
  const waiters = createWaiters(town, options.setTimer);
  let marked = false;
  /** Ticks in a row that failed. */
  let troubles = 0;
  let tickScheduled = false;
  let closing = false;
  let closed = false;

  const runs = createEffectRuns({
    townId: town.id,
    perform: options.perform,
    sink: options.sink,
    now: options.now,
    setTimer: options.setTimer,
    answered: (effect, answer) => post(effect, answer),
  });

  /** The wake index says *now* before anything is committed: a crash in between finds it there. */
  const markWake = (): void => {
    if (marked) return;
    options.onBeforeWrite?.();
    marked = true;
  };

  const post = (effect: ClaimedEffect, answer: EffectAnswer): void => {
    if (closed) return;
    markWake();
    town.post({ type: "effect_answered", effectId: effect.id, attempt: effect.attempt, answer });
    scheduleTick();
  };

  const scheduleTick = (): void => {
    if (tickScheduled || closed) return;
    tickScheduled = true;
    queueMicrotask(() => {
      tickScheduled = false;
      if (!closed) turn();
    });
  };

  /** The town keeps the limit in flight; the claim is on the disk before the first call leaves. */
  const startEffects = (): number => {
    if (closing) return 0;
    const claimed = durably(() => town.claimEffects());
    for (const effect of claimed) runs.start(effect);
    return claimed.length;
  };

  /** When the next tick is wanted. */
  const tick = (): number | null => {
    markWake();
    const { applied, ran, effectsDue } = town.tick();
    feed.changed();
    waiters.changed();
    const started = effectsDue > 0 ? startEffects() : 0;
    marked = false;
    const next = town.nextWakeAt();
    // What is due and cannot move (an effect whose subject is busy) moves with an answer, which
    // brings its own tick: without this pause the wake would be at once, again and again.
    const moved = applied + ran + started > 0;
    return next === null || moved ? next : Math.max(next, options.now() + STUCK_PAUSE_MS);
  };

  /**
   * One that fails (a full disk, a damaged file) is tried again, and takes nobody else with it. The mark in
   * the wake index stays as it was: a host that ends now wakes this town first.
   */
  const turn = (): void => {
    try {
      const next = tick();
      if (troubles > 0) options.sink.log("info", "The town goes on.", { townId: town.id });
      troubles = 0;
      options.onNextWake(next);
    } catch (error) {
      if (troubles === 0)
        options.sink.log("error", `a tick failed: ${reasonOf(error)}`, { townId: town.id, error });
      const pause = Math.min(STUCK_PAUSE_MS * 2 ** troubles, LONGEST_TROUBLE_MS);
      troubles += 1;
      options.onNextWake(options.now() + pause);
    }
  };

  scheduleTick();
  return {
    id: town.id,
    feed,
    tickets: createTickets(options.now, options.randomBytes),
    read: (fn) => fn(assertOpen(town, closed)),
    run(fn) {
      assertOpen(town, closing);
      markWake();
      try {
        return fn(town);
      } finally {
        scheduleTick();
      }
    },
    wake: scheduleTick,
    wait: (read, timeoutMs, signal) => waiters.wait(read, timeoutMs, signal),
    idle: () => feed.size === 0 && waiters.size === 0 && runs.size === 0 && !tickScheduled,
    async close() {
      closing = true;
      feed.closeAll(CLOSE_CODES.goingAway, "The server is going; reconnect.");
      waiters.close();
      await runs.settled();
      closed = true;
    },
  };
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : "unknown error");

function assertOpen(town: Town, closed: boolean): Town {
  if (closed)
    throw new GastownError("not_ready", "This town is being closed by its host. Try again in a moment.");
  return town;
}
