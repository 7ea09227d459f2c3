/**
 * Whether a runner that runs can still be talked to. A busy machine is asked again soon; given up is one that did
 * not answer in at least three checks over a minute (spec/town.md §5, runner), for its agents go with it.
 */
import type { HealthAnswer } from "@gastown/protocol";

/** Between one check and the next, in milliseconds. */
const PAUSES_MS: readonly number[] = [500, 2_000, 7_500, 20_000, 30_000];

export type Standing = "healthy" | "draining" | "gone" | "silent";

export interface StandingOptions {
  /** False where its process has ended, or nobody wants to know any more. */
  readonly isThere: () => boolean;
  /** Undefined where it does not answer, or not rightly. */
  readonly ask: () => Promise<Pick<HealthAnswer, "draining"> | undefined>;
  readonly pause: (milliseconds: number) => Promise<void>;
}

export async function standingOf({ isThere, ask, pause }: StandingOptions): Promise<Standing> {
  for (const next of [...PAUSES_MS, null]) {
    if (!isThere()) return "gone";
    const health = await ask();
    if (health !== undefined) return health.draining ? "draining" : "healthy";
    if (next !== null) await pause(next);
  }
  return isThere() ? "silent" : "gone";
}
