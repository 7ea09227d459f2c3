import { z } from "zod";

/** Times of a runner that differ from its defaults, in milliseconds: for tests and the demo only. */
export const runnerTiming = z.strictObject({
  heartbeatMs: z.int().positive().optional(),
  minuteMs: z.int().positive().optional(),
  quietMs: z.int().positive().optional(),
  cancelMs: z.int().positive().optional(),
  initializeMs: z.int().positive().optional(),
  toolsMs: z.int().positive().optional(),
});
export type RunnerTiming = z.infer<typeof runnerTiming>;

/** What a host writes to its runner's standard input, as one JSON object. */
export const runnerInput = z.object({
  root: z.string(),
  apiUrl: z.string(),
  townId: z.string(),
  bootSecret: z.string(),
  version: z.string(),
  ...runnerTiming.shape,
  drainWaitMs: z.int().optional(),
});
export type RunnerInput = z.infer<typeof runnerInput>;
