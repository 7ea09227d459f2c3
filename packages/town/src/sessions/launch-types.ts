/** What a session is launched with, as a host sees it, and how a change of that stands. */
import type { PrimeContext, SessionLaunch, StartRequest } from "@gastown/protocol";
import type { MayorTurn } from "../mayor/turns.ts";

/** A session's launch settings; the role's words around `instructions` are the server's. */
export type SessionLaunchPlan = Omit<SessionLaunch, "system" | "modes"> &
  Pick<PrimeContext, "role" | "instructions"> & {
    /** Roles whose sessions may share its agent process, with what this town tells each. */
    peers: readonly Pick<PrimeContext, "role" | "instructions">[];
  };

/** All of a start but what holds a secret or belongs to the server: prompt, system, MCP entry. */
export type LaunchPlan = Omit<StartRequest, "prompt" | "system" | "modes" | "mcp" | "recap"> &
  SessionLaunchPlan & {
    /** What `gt_prime` gives, and what the first prompt is written from. */
    prime: PrimeContext;
    /** What was said before, for a conversation that the agent cannot take up any more. */
    recap: readonly MayorTurn[];
  };

/** What the next start of the mayor will use; `launch` null where it cannot be started. */
export interface MayorContext {
  agent: { id: string; name: string } | null;
  sessionId: string | null;
  launch: SessionLaunchPlan | null;
}

export interface ModelChoice {
  model: string;
  /** Left out: as it is. */
  smallModel?: string | undefined;
  /** False: it is about to become a setting, which later changes of settings may change. */
  pin?: boolean | undefined;
}

/** How a change that was asked of the runner stands. */
export type ChangeState =
  | { type: "pending" }
  | { type: "done"; result: string }
  | { type: "refused"; message: string };
