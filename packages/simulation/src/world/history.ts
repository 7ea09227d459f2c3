/** Git as far as a town can tell: commits, what they touch, what is in what. */

export interface Commit {
  readonly sha: string;
  readonly parents: readonly string[];
  /** The files that it changes: two sides that changed the same file conflict. */
  readonly files: readonly number[];
  /** Whether the gates fail on its tree. */
  readonly red: boolean;
  /** `Gastown-Head`: the head that this squash or rebase stands for. */
  readonly trailer: string | null;
  readonly by: string;
}

export class History {
  readonly #commits = new Map<string, Commit>();
  readonly #ancestors = new Map<string, ReadonlySet<string>>();
  #count = 0;

  commit(input: Omit<Commit, "sha">): string {
    const sha = (++this.#count).toString(16).padStart(40, "0");
    this.#commits.set(sha, { ...input, sha });
    return sha;
  }

  get(sha: string): Commit {
    const commit = this.#commits.get(sha);
    if (!commit) throw new Error(`no commit ${sha}`);
    return commit;
  }

  has(sha: string): boolean {
    return this.#commits.has(sha);
  }

  /** The commit itself and everything below it. */
  ancestors(sha: string): ReadonlySet<string> {
    const known = this.#ancestors.get(sha);
    if (known) return known;
    const [first, ...others] = this.get(sha).parents.map((parent) => this.ancestors(parent));
    const all = new Set(first);
    for (const other of others) for (const one of other) all.add(one);
    all.add(sha);
    this.#ancestors.set(sha, all);
    return all;
  }

  contains(sha: string, ancestor: string): boolean {
    return this.ancestors(sha).has(ancestor);
  }

  /** Commits of `head` that `base` lacks. */
  beyond(head: string, base: string): Commit[] {
    const below = this.ancestors(base);
    return [...this.ancestors(head)].filter((sha) => !below.has(sha)).map((sha) => this.get(sha));
  }

  /** The one proof of spec/review.md §3: an ancestor, or a commit that carries its trailer. */
  landed(head: string, target: string): boolean {
    if (this.contains(target, head)) return true;
    for (const sha of this.ancestors(target)) if (this.get(sha).trailer === head) return true;
    return false;
  }

  /** `head` is that other one with a part of the target merged in, and nothing else. */
  isOnlyUpdate(head: string, from: string, target: string): boolean {
    const { parents, files } = this.get(head);
    const [first, second] = parents;
    return first === from && second !== undefined && files.length === 0 && this.contains(target, second);
  }

  /** Files that both sides changed since they parted. */
  conflicts(head: string, target: string): number[] {
    const ours = new Set(this.beyond(head, target).flatMap((commit) => commit.files));
    const theirs = this.beyond(target, head).flatMap((commit) => commit.files);
    return [...new Set(theirs.filter((file) => ours.has(file)))];
  }
}
