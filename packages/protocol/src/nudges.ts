/** Nudges as people and scripts see them (spec/api.md §3.9). */
import { z } from "zod";
import { nudgeMode } from "./states.ts";

export const nudgeShape = z.object({
  id: z.string(),
  agentId: z.string(),
  sessionId: z.string().nullable(),
  message: z.string(),
  mode: nudgeMode,
  urgent: z.boolean(),
  from: z.object({ kind: z.string(), id: z.string(), name: z.string() }),
  state: z.enum(["pending", "claimed", "delivered", "expired"]),
  createdAt: z.string(),
  expiresAt: z.string().nullable(),
  deliveredAt: z.string().nullable(),
});
export type Nudge = z.infer<typeof nudgeShape>;
