/** Mail between people and agents (spec/api.md §3.11). */
import { z } from "zod";
import { text } from "./text.ts";

export const mailShape = z.object({
  id: z.string(),
  /** Null: the mayor, where none was made yet. */
  toAgentId: z.string().nullable(),
  /** The receiver's name. */
  to: z.string(),
  from: z.object({ kind: z.string(), id: z.string(), name: z.string() }),
  subject: z.string(),
  body: z.string(),
  createdAt: z.string(),
  /** When its receiver had read it for certain. */
  deliveredAt: z.string().nullable(),
  /** The session that read it. */
  sessionId: z.string().nullable(),
});
export type Mail = z.infer<typeof mailShape>;

export const mailBody = z.strictObject({
  /** An agent (id or name), `mayor`, or `rig:<rig>` for all who work there. */
  to: text(1, 120),
  subject: text(1, 200),
  body: text(1, 20_000),
});
export type MailBody = z.infer<typeof mailBody>;
