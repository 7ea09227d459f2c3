/** Trying what a rig's git and pull requests are reached with (spec/api.md §3.15). */
import { z } from "zod";
import { forgeKind } from "./forge.ts";
import { text } from "./text.ts";

export const credentialsTestBody = z.strictObject({ rigId: text(1, 80) });

export const credentialsTest = z.object({
  /** Whether the repository can be read and, where the forge says so, pushed to. */
  ok: z.boolean(),
  provider: forgeKind,
  /** `host`: nothing is stored, so the machine's git counts; absent: nothing gave one, or none is needed. */
  source: z.string().optional(),
  /** What was asked before it, in order, with why it gave none. */
  tried: z.array(z.string()),
  permissions: z.array(z.enum(["read", "push"])),
  expiresAt: z.string().optional(),
  /** What was found, and what to do. */
  message: z.string(),
});
export type CredentialsTest = z.infer<typeof credentialsTest>;
