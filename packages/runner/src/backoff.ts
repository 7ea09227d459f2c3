/** Minutes after the n-th failure in a row of what a person, or a remote, has to mend. */
const MINUTES = [0.5, 1, 2, 5, 10];

/** How long to wait after so many failures in a row (from 1), in milliseconds. */
export function backoffMs(failures: number, minuteMs: number): number {
  return (MINUTES[Math.min(failures, MINUTES.length) - 1] ?? 10) * minuteMs;
}
