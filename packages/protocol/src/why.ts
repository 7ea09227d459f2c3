/** Why a thing is not running, in words (spec/api.md §3.6). */
import { z } from "zod";
import { waitingOn } from "./waiting-shape.ts";
import { waitingCode } from "./states.ts";

/** One reason that there can be; `holds: false`: it is none now. */
export const whyCheck = waitingOn.partial().extend({ code: waitingCode, holds: z.boolean() });
export type WhyCheck = z.infer<typeof whyCheck>;

export const whyLink = z.object({
  id: z.string(),
  title: z.string(),
  status: z.string(),
  waitingOn: waitingOn.optional(),
});
export type WhyLink = z.infer<typeof whyLink>;

export const whyAction = z.object({ command: z.string(), does: z.string() });
export type WhyAction = z.infer<typeof whyAction>;

export const whyShape = z.object({
  id: z.string(),
  title: z.string(),
  state: z.string(),
  /** All of it in one or two sentences. */
  sentence: z.string(),
  waitingOn: waitingOn.optional(),
  /** Of an open issue: every reason in the order in which they are told, passed ones too. */
  why: z.array(whyCheck),
  /** From the thing itself down to the one that decides. */
  chain: z.array(whyLink),
  next: z.object({ event: z.string(), at: z.string().nullable() }).optional(),
  /** What a person can do about it. */
  actions: z.array(whyAction),
});
export type Why = z.infer<typeof whyShape>;
