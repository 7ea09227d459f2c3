/** The mayor as people see it (spec/api.md §3.10). */
import { z } from "zod";

/** ISO-8601 with milliseconds. */
const time = z.string();

export const mayorShape = z.object({
  /** False where the last start was refused for want of a runtime, a login or a model. */
  configured: z.boolean(),
  agentId: z.string().nullable(),
  sessionId: z.string().nullable(),
  status: z.enum(["idle", "starting", "active", "waiting"]),
  queued: z.int(),
  runtime: z.string(),
  /** Null: the runtime's own choice. */
  model: z.string().nullable(),
  /** Why it does not run, and what to do, where its last start failed. */
  reason: z.string().optional(),
  action: z.string().optional(),
});
export type MayorStatus = z.infer<typeof mayorShape>;

/** A message that the mayor was not given yet. */
export const queuedMessage = z.object({
  id: z.string(),
  message: z.string(),
  mode: z.enum(["when_idle", "now"]),
  /** From 1, the next one to be delivered. */
  position: z.int(),
  from: z.object({ kind: z.string(), id: z.string(), name: z.string() }),
  createdAt: time,
  /** How often a turn on it was cut off. */
  interruptions: z.int(),
});
export type QueuedMessage = z.infer<typeof queuedMessage>;

export const conversationEntry = z.object({
  messageId: z.string(),
  from: z.enum(["person", "mayor", "town"]),
  text: z.string(),
  at: time,
  state: z.enum(["queued", "delivered", "answered", "interrupted"]),
});
export type ConversationEntry = z.infer<typeof conversationEntry>;
