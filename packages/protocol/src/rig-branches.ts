/** What a town left on the remote of a rig, and what became of it when it was asked to go. */
import { z } from "zod";

export const leftRef = z.object({
  /** A branch's name, or the full name of saved work's ref. */
  ref: z.string(),
  state: z.enum(["gone", "pending", "kept"]),
  /** Of one that was kept. */
  why: z.string().nullable(),
});
export type LeftRef = z.infer<typeof leftRef>;

export const leftRefs = z.object({ items: z.array(leftRef) });
