/**
 * Pushing by compare-and-swap, and finding out what became of it (spec/runner.md §5).
 *
 * git's own answer is a hint. A connection may break after the remote moved, a hook may refuse, somebody
 * may be quicker: so every push of a head ends by reading the remote, and so does a deletion that was not
 * confirmed. The new head is there: done. The expected one still is: nothing happened, and git's words
 * say why. Another: somebody else was quicker.
 */
import type { Git, GitResult } from "./git.ts";
import { GitFailure } from "./failure.ts";
import { branchRef, trackingRef } from "./refs.ts";
import { gitWords, remoteProblem } from "./remote-errors.ts";
import type { RemoteOf, Remotes } from "./remotes.ts";

export interface PushUpdate {
  readonly ref: string;
  /** Null deletes the ref. */
  readonly to: string | null;
  /** What the remote must have now; null: no such ref. */
  readonly expected: string | null;
}

export type PushOutcome =
  | { readonly kind: "done" }
  | { readonly kind: "moved"; readonly head: string | null }
  | { readonly kind: "rejected" | "auth" | "network"; readonly reason: string };

const PUSH_DEADLINE_MS = 300_000;
const LFS_DEADLINE_MS = 1_800_000;
const TRIES = 3;

/** Reasons of a remote that mean "somebody was quicker", not "never". */
const RACE =
  /stale info|fetch first|non-fast-forward|cannot lock ref|failed to lock|failed to update ref|incorrect old value|reference already exists|needs force/;
const NO_OPTIONS = /receiving end does not support push options/;
const PASSING = /unpacker error|timeout|temporar/i;

/**
 * Reads `--porcelain` output: the reason of a refusal that will not pass by itself, else null.
 * The remote's own words (`remote: …`) belong to it.
 */
export function refusalReason(result: GitResult): string | null {
  if (NO_OPTIONS.test(result.stderr)) return "the remote takes no push options (git.push_flags of this rig)";
  const line = result.stdout.split("\n").find((text) => text.startsWith("!\t"));
  if (line === undefined || RACE.test(line) || PASSING.test(line)) return null;
  const reason = line.split("\t")[2] ?? "rejected";
  const remote = result.stderr
    .split("\n")
    .filter((text) => text.startsWith("remote: "))
    .map((text) => text.slice("remote: ".length).trim())
    .filter((text) => text !== "");
  return [reason.trim(), ...remote.slice(-20)].join("\n");
}

/** Settings with which a push by url notes the new heads in the mirror, as one by name would. */
function trackingConfig(url: string): readonly (readonly [string, string])[] {
  return [
    [`remote.${url}.fetch`, "+refs/heads/*:refs/remotes/origin/*"],
    [`remote.${url}.fetch`, "+refs/gastown/wip/*:refs/remotes/gastown-wip/*"],
  ];
}

const SAVED_BRANCH = branchRef("gastown-wip/");

/** Only where people see a branch move: a remote that takes no options must not cost unfinished work. */
function optionsOf(of: RemoteOf, { ref, to }: PushUpdate): string[] {
  const isBranch = ref.startsWith(branchRef("")) && !ref.startsWith(SAVED_BRANCH);
  return isBranch && to !== null ? of.pushOptions.map((option) => `--push-option=${option}`) : [];
}

function runPush(git: Git, of: RemoteOf, update: PushUpdate, signal: AbortSignal): Promise<GitResult> {
  const lease = `--force-with-lease=${update.ref}:${update.expected ?? ""}`;
  return git({
    at: { gitDir: of.mirror },
    args: [
      "push",
      "--porcelain",
      "--no-verify",
      lease,
      ...optionsOf(of, update),
      "--",
      of.url,
      `${update.to ?? ""}:${update.ref}`,
    ],
    config: trackingConfig(of.url),
    timeoutMs: PUSH_DEADLINE_MS,
    signal,
    remote: { ...of, purpose: "push" },
  });
}

/**
 * Moves one ref of the remote from `expected` to `to`. The caller has checked that `to` descends from
 * `expected` (or that rewriting is allowed): the lease alone would allow a rewind.
 */
export async function push(
  git: Git,
  remotes: Remotes,
  of: RemoteOf,
  update: PushUpdate,
  signal: AbortSignal,
): Promise<PushOutcome> {
  let last: PushOutcome = { kind: "network", reason: "the push was not tried" };
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const upload = of.lfs && update.to !== null ? await pushLfs(git, of, update.to, signal) : null;
    if (upload !== null) {
      last = upload;
      if (upload.kind === "network") continue;
      return last;
    }
    const result = await runPush(git, of, update, signal);
    // A ref that still stands although its deletion was confirmed does no harm: only heads are read back.
    if (result.ok && update.to === null) return { kind: "done" };
    const reason = refusalReason(result);
    if (reason !== null) last = { kind: "rejected", reason };
    else last = { kind: remoteProblem(result) === "auth" ? "auth" : "network", reason: gitWords(result) };
    const head = await readHead(remotes, of, update.ref, signal);
    if (head instanceof GitFailure) {
      if (last.kind === "network" && head.failure.code === "auth")
        last = { kind: "auth", reason: head.message };
      if (last.kind === "network") continue;
      return last;
    }
    if (head === update.to) {
      if (!result.ok) await noteTracking(git, of, update, signal);
      return { kind: "done" };
    }
    if (head !== update.expected) return { kind: "moved", head };
    if (last.kind !== "network") return last;
  }
  return last;
}

/**
 * What Git LFS keeps of the new commits goes first, as its own hook would have it: a branch is never on
 * the remote without its files. Null: done.
 */
async function pushLfs(git: Git, of: RemoteOf, to: string, signal: AbortSignal): Promise<PushOutcome | null> {
  const result = await git({
    at: { gitDir: of.mirror },
    args: ["lfs", "push", "origin", to],
    timeoutMs: LFS_DEADLINE_MS,
    signal,
    remote: { ...of, purpose: "push" },
  });
  if (result.ok) return null;
  const problem = remoteProblem(result);
  const reason = `The files of Git LFS could not be pushed: ${gitWords(result)}`;
  return { kind: problem === "auth" || problem === "network" ? problem : "rejected", reason };
}

async function readHead(
  remotes: Remotes,
  of: RemoteOf,
  ref: string,
  signal: AbortSignal,
): Promise<string | null | GitFailure> {
  try {
    return (await remotes.heads(of, [ref], signal)).get(ref) ?? null;
  } catch (error) {
    if (error instanceof GitFailure) return error;
    throw error;
  }
}

/** The push reached the remote but its answer did not reach us: note the head that was read there. */
async function noteTracking(git: Git, of: RemoteOf, update: PushUpdate, signal: AbortSignal): Promise<void> {
  const ref = trackingRef(update.ref);
  const args = update.to === null ? ["update-ref", "-d", ref] : ["update-ref", ref, update.to];
  await git({ at: { gitDir: of.mirror }, args, signal });
}
