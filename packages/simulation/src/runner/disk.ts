/** What outlives a runner process: worktrees, and the callbacks that the town has not acknowledged. */
import type { Town } from "@gastown/town";

export interface Worktree {
  readonly agentId: string;
  sessionId: string;
  epoch: number;
  rigId: string;
  /** The branch that its work is meant for. */
  branch: string | null;
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

/** A commit that an agent made, for the question whether it was lost. */
export interface Made {
  readonly sha: string;
  readonly rigId: string;
  readonly branch: string | null;
}

export class Disk {
  /** By agent: its slot. */
  readonly worktrees = new Map<string, Worktree>();
  /** Taken from their slots; their work waits to be pushed. */
  readonly aside = new Set<Worktree>();
  readonly callbacks: Callback[] = [];
  readonly made: Made[] = [];
  /** The machine is gone, or belongs to nobody any more. */
  lost = false;

  /** Frees the slot. What it holds stays until it is saved. */
  setAside(tree: Worktree): void {
    if (this.worktrees.get(tree.agentId) === tree) this.worktrees.delete(tree.agentId);
    this.aside.add(tree);
  }

  remove(tree: Worktree): void {
    this.aside.delete(tree);
  }

  /** Whether some worktree still has this commit. */
  holds(sha: string, contains: (head: string, sha: string) => boolean): boolean {
    return [...this.worktrees.values(), ...this.aside].some(({ head }) => contains(head, sha));
  }
}
