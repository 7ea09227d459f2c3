/** What something waits for, as people and scripts see it (spec/api.md §3.6). */
import { z } from "zod";
import { waitingCode } from "./states.ts";

const time = z.string();

export const waitingOn = z.object({
  code: waitingCode,
  since: time,
  until: time.optional(),
  objects: z.array(z.object({ id: z.string(), title: z.string(), status: z.string() })).optional(),
  position: z.int().optional(),
  limit: z.string().optional(),
  message: z.string(),
});
export type WaitingOn = z.infer<typeof waitingOn>;
