import { z } from "zod";

/** What a host writes to its runner's standard input, as one JSON object. */
export const runnerInput = z.object({
  root: z.string(),
  apiUrl: z.string(),
  townId: z.string(),
  bootSecret: z.string(),
  version: z.string(),
  heartbeatMs: z.int().optional(),
  minuteMs: z.int().optional(),
  drainWaitMs: z.int().optional(),
});
export type RunnerInput = z.infer<typeof runnerInput>;
