/** Reading remotes: `ls-remote` where only heads matter, `fetch` where their commits do. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { GitFailure } from "./failure.ts";
import type { Git, GitResult } from "./git.ts";
import { NOWHERE } from "./git.ts";
import { isCommitId, trackingRef } from "./refs.ts";
import { remoteFailure, remoteProblem } from "./remote-errors.ts";
import { Batcher, unlessAborted } from "./waiting.ts";

/** Ref → commit; null where the remote has no such ref. */
export type Heads = ReadonlyMap<string, string | null>;

/** What the mirror and its remote are to the calls below. */
export interface RemoteOf {
  readonly mirror: string;
  readonly url: string;
  readonly rigId: string;
  /** Whether Git LFS keeps some of its files: they are pushed before each commit. */
  readonly lfs: boolean;
  /** What the rig wants its remote to be told with pushes of branches. */
  readonly pushOptions: readonly string[];
}

const READ_DEADLINE_MS = 60_000;
const FETCH_DEADLINE_MS = 1_800_000;
const NEVER = new AbortController().signal;

/** `<sha>\t<ref>` lines of `ls-remote`, and the target of a symbolic `HEAD` if it was asked for. */
export function parseLsRemote(output: string): { heads: Map<string, string>; headBranch: string | null } {
  const heads = new Map<string, string>();
  let headBranch: string | null = null;
  for (const line of output.split("\n")) {
    const [left, name] = line.split("\t");
    if (left === undefined || name === undefined) continue;
    if (left.startsWith("ref: refs/heads/")) headBranch = left.slice("ref: refs/heads/".length);
    else heads.set(name, left);
  }
  return { heads, headBranch };
}

/** `FETCH_HEAD`: what the remote's refs were at the fetch that wrote it. */
export function parseFetchHead(text: string): Map<string, string> {
  const heads = new Map<string, string>();
  for (const line of text.split("\n")) {
    const found = /^([0-9a-f]{40,64})\t[^\t]*\t(?:(branch|tag) )?'(.+?)' of /.exec(line);
    const [, commit, kind, name] = found ?? [];
    if (commit === undefined || name === undefined) continue;
    heads.set(kind === "branch" ? `refs/heads/${name}` : kind === "tag" ? `refs/tags/${name}` : name, commit);
  }
  return heads;
}

/** What the mirror noted of a remote ref, where a file of its own says it; null: fetch it. */
async function notedHead(mirror: string, ref: string): Promise<string | null> {
  const noted = await readFile(join(mirror, trackingRef(ref)), "utf8").catch(() => "");
  return isCommitId(noted.trim()) ? noted.trim() : null;
}

const keyOf = ({ mirror, url, rigId }: RemoteOf): string => [mirror, rigId, url].join("\n");

/** For reads, which LFS has no part in. */
function fromKey(key: string): RemoteOf {
  const [mirror = "", rigId = "", ...url] = key.split("\n");
  return { mirror, rigId, url: url.join("\n"), lfs: false, pushOptions: [] };
}

/** Reads of one workspace, coalesced per remote: a fetch or read that has begun takes nobody else in. */
export class Remotes {
  readonly #git: Git;
  readonly #reads: Batcher<Map<string, string>>;
  readonly #fetches: Batcher<Heads>;

  constructor(git: Git) {
    this.#git = git;
    this.#reads = new Batcher((key, refs) => this.#read(fromKey(key), refs));
    this.#fetches = new Batcher((key, refs) => this.#fetch(fromKey(key), refs));
  }

  /** The remote's heads now, without their commits. Throws `GitFailure`. */
  async heads(of: RemoteOf, refs: readonly string[], signal: AbortSignal): Promise<Heads> {
    const all = await unlessAborted(this.#reads.add(keyOf(of), refs), signal);
    return new Map(refs.map((ref) => [ref, all.get(ref) ?? null]));
  }

  /** The remote's heads with their commits in the mirror. Throws `GitFailure`. */
  async fetch(of: RemoteOf, refs: readonly string[], signal: AbortSignal): Promise<Heads> {
    const all = await unlessAborted(this.#fetches.add(keyOf(of), refs), signal);
    return new Map(refs.map((ref) => [ref, all.get(ref) ?? null]));
  }

  /**
   * Like `fetch`, but one cheap read where nothing has moved: a head that the mirror has noted, it
   * noted together with its commits. Throws `GitFailure`.
   */
  async current(of: RemoteOf, refs: readonly string[], signal: AbortSignal): Promise<Heads> {
    const noted = await Promise.all(refs.map((ref) => notedHead(of.mirror, ref)));
    if (noted.includes(null)) return this.fetch(of, refs, signal);
    const heads = await this.heads(of, refs, signal);
    return refs.every((ref, i) => heads.get(ref) === noted[i]) ? heads : this.fetch(of, refs, signal);
  }

  /** All branches and tags; tracking refs of branches that are gone go too. Throws `GitFailure`. */
  async fetchAll(of: RemoteOf, signal: AbortSignal): Promise<void> {
    await this.fetch(of, ["*"], signal);
  }

  async #read(of: RemoteOf, refs: ReadonlySet<string>): Promise<Map<string, string>> {
    const { url } = of;
    const heads = [...refs].every((ref) => ref.startsWith("refs/heads/")) ? ["--heads"] : [];
    const result = await this.#git({
      at: NOWHERE,
      args: ["ls-remote", "--quiet", ...heads, "--", url, ...refs],
      timeoutMs: READ_DEADLINE_MS,
      signal: NEVER,
      remote: { ...of, purpose: "fetch" },
    });
    if (!result.ok) throw remoteFailure(url, result);
    return parseLsRemote(result.stdout).heads;
  }

  async #fetch(of: RemoteOf, refs: ReadonlySet<string>): Promise<Heads> {
    if (refs.has("*")) return this.#fetchEverything(of, refs);
    const first = await this.#fetchRefs(of, [...refs]);
    if (first.ok) return this.#fetched(of);
    const problem = remoteProblem(first);
    // A tracking ref `a` of a branch that is gone bars `a/b`: only a full fetch prunes it.
    if (problem === "other") return this.#fetchEverything(of, refs);
    if (problem !== "missing_ref") throw remoteFailure(of.url, first);
    const present = await this.#read(of, refs);
    if (present.size === 0) return new Map();
    const second = await this.#fetchRefs(
      of,
      [...present.keys()].filter((ref) => refs.has(ref)),
    );
    if (!second.ok) throw remoteFailure(of.url, second);
    return this.#fetched(of);
  }

  async #fetchEverything(of: RemoteOf, refs: ReadonlySet<string>): Promise<Heads> {
    const result = await this.#run(of, ["--prune"], ["+refs/heads/*:refs/remotes/origin/*"]);
    if (!result.ok) throw remoteFailure(of.url, result);
    const heads = await this.#fetched(of);
    // A tag that cannot be stored is no reason to call the repository unusable.
    await this.#run(of, [], ["+refs/tags/*:refs/tags/*"]);
    const others = [...refs].filter((ref) => ref !== "*" && !ref.startsWith("refs/heads/"));
    if (others.length === 0) return heads;
    const more = await this.#fetchRefs(of, others);
    if (!more.ok && remoteProblem(more) !== "missing_ref") throw remoteFailure(of.url, more);
    return more.ok ? new Map([...heads, ...(await this.#fetched(of))]) : heads;
  }

  #fetchRefs(of: RemoteOf, refs: readonly string[]): Promise<GitResult> {
    return this.#run(
      of,
      [],
      refs.map((ref) => (ref.startsWith("refs/") ? `+${ref}:${trackingRef(ref)}` : ref)),
    );
  }

  #run(of: RemoteOf, options: readonly string[], refspecs: readonly string[]): Promise<GitResult> {
    return this.#git({
      at: { gitDir: of.mirror },
      args: ["fetch", "--quiet", "--no-tags", "--no-auto-maintenance", ...options, "--", of.url, ...refspecs],
      timeoutMs: FETCH_DEADLINE_MS,
      signal: NEVER,
      remote: { ...of, purpose: "fetch" },
    });
  }

  /** Fetches of a mirror run one after the other, so the file is the one of the fetch just done. */
  async #fetched(of: RemoteOf): Promise<Map<string, string>> {
    return parseFetchHead(await readFile(join(of.mirror, "FETCH_HEAD"), "utf8"));
  }

  /**
   * Makes sure that the mirror has a commit that somebody named by its id: first all branches, then
   * the id itself where the host allows that. False: the remote does not give it.
   */
  async fetchCommit(of: RemoteOf, commit: string, signal: AbortSignal): Promise<boolean> {
    await this.fetchAll(of, signal);
    if (await this.hasCommit(of, commit, signal)) return true;
    try {
      await this.fetch(of, [commit], signal);
    } catch (error) {
      if (!(error instanceof GitFailure) || error.failure.code === "auth" || error.failure.code === "network")
        throw error;
    }
    return this.hasCommit(of, commit, signal);
  }

  async hasCommit(of: RemoteOf, commit: string, signal: AbortSignal): Promise<boolean> {
    const found = await this.#git({
      at: { gitDir: of.mirror },
      args: ["cat-file", "-e", `${commit}^{commit}`],
      signal,
    });
    return found.ok;
  }
}
