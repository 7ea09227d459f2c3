/** What a town could not apply or carry out, and gave up (spec/api.md §3.15). */
import { z } from "zod";

const time = z.string();

/** A fact that arrived. */
export const inboxEntry = z.object({
  seq: z.int(),
  type: z.string(),
  state: z.enum(["pending", "applied", "dead"]),
  attempts: z.int(),
  error: z.string().nullable(),
  at: time,
});
export type InboxEntry = z.infer<typeof inboxEntry>;

/** Something to be done outside. */
export const outboxEntry = z.object({
  id: z.string(),
  kind: z.string(),
  subject: z.string(),
  state: z.enum(["pending", "running", "accepted", "done", "dead"]),
  attempts: z.int(),
  error: z.string().nullable(),
  createdAt: time,
  dueAt: time,
  /** Whoever waited for it was told of its end: there is nothing left to do about it. */
  told: z.boolean(),
});
export type OutboxEntry = z.infer<typeof outboxEntry>;

export interface InboxFilter {
  state?: InboxEntry["state"] | undefined;
}

export interface OutboxFilter {
  state?: OutboxEntry["state"] | undefined;
  kind?: string | undefined;
}
