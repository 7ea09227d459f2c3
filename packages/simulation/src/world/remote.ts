/** A rig's repository: refs that move only by compare-and-swap, and what the world must be able to show. */
import type { History } from "./history.ts";

export interface MergeEvent {
  head: string;
  target: string;
  commit: string;
  /** Set once the checks have looked at it. */
  judged: boolean;
}

export class Remote {
  readonly history: History;
  readonly rigId: string;
  readonly #refs = new Map<string, string>();
  /** What runners merged here, in order. */
  readonly merges: MergeEvent[] = [];

  constructor(history: History, rigId: string) {
    this.history = history;
    this.rigId = rigId;
    const root = history.commit({ parents: [], files: [], red: false, trailer: null, by: "person" });
    this.#refs.set("refs/heads/main", root);
  }

  read(ref: string): string | null {
    return this.#refs.get(ref) ?? null;
  }

  branch(name: string): string | null {
    return this.read(`refs/heads/${name}`);
  }

  /** A ref name or a commit id, as a start point is given. */
  resolve(point: string): string | null {
    return this.read(point) ?? (this.history.has(point) && this.holds(point) ? point : null);
  }

  /** Whether any ref still has this commit. */
  holds(sha: string): boolean {
    for (const head of this.#refs.values()) if (this.history.contains(head, sha)) return true;
    return false;
  }

  /** Compare-and-swap: true when the ref stood at `expected` (null: did not exist). */
  swap(ref: string, expected: string | null, head: string | null): boolean {
    if (this.read(ref) !== expected) return false;
    if (head === null) this.#refs.delete(ref);
    else this.#refs.set(ref, head);
    return true;
  }

  /** A person pushes one commit. */
  touch(branch: string, files: readonly number[], red: boolean): string | null {
    const head = this.branch(branch);
    if (head === null) return null;
    const sha = this.history.commit({ parents: [head], files, red, trailer: null, by: "person" });
    this.#refs.set(`refs/heads/${branch}`, sha);
    return sha;
  }
}
