/** How late a timer may be on a busy machine before the rest of the time counts as sleep. */
const LATE_MS = 30_000;

/**
 * Calls `then` once, after `ms` in which the machine was awake all the time: a period during which it slept
 * begins anew (spec/runner.md §4). Timers of some systems count sleep and those of others do not, so it is
 * the wall clock that tells.
 * @returns what stops it
 */
export function awakeTimer(ms: number, then: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (): void => {
    const began = Date.now();
    const due = (): void => (Date.now() - began > ms + LATE_MS ? arm() : then());
    timer = setTimeout(due, ms);
    timer.unref();
  };
  arm();
  return () => clearTimeout(timer);
}
