/** What outlives a runner process: worktrees, and the callbacks that the town has not acknowledged. */
import type { Town } from "@gastown/town";

export interface Worktree {
  readonly agentId: string;
  sessionId: string;
  epoch: number;
  rigId: string;
  /** Where the work begins, and its tip. */
  base: string;
  head: string;
}

export interface Callback {
  /** Calls of one lane go in order. */
  readonly lane: string;
  readonly name: string;
  /** Told to the town by whichever instance delivers it, with that instance's epoch. */
  readonly tell: (town: Town, runnerEpoch: number) => unknown;
}

export class Disk {
  readonly worktrees = new Map<string, Worktree>();
  readonly callbacks: Callback[] = [];
}
