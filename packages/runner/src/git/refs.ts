/** Names of refs: on the remote, and where the mirror keeps what it read of them. */

/** Every ref that starts with one of these is the mirror's note of a remote ref. */
const TRACKING: readonly (readonly [string, string])[] = [
  ["refs/heads/", "refs/remotes/origin/"],
  ["refs/gastown/wip/", "refs/remotes/gastown-wip/"],
  ["refs/", "refs/remotes/gastown-refs/"],
];

export function branchRef(branch: string): string {
  return `refs/heads/${branch}`;
}

export function wipRef(sessionId: string): string {
  return `refs/gastown/wip/${sessionId}`;
}

/** The branch that stands in for a WIP ref where the remote refuses such refs. */
export function wipBranchRef(sessionId: string): string {
  return `refs/heads/gastown-wip/${sessionId}`;
}

/** Whether it is a full ref name that only saved work has. */
export function isSavedRef(ref: string): boolean {
  return (
    isFullRef(ref) && ["refs/gastown/wip/", "refs/heads/gastown-wip/"].some((start) => ref.startsWith(start))
  );
}

/** Where the mirror notes `ref` of the remote; worktrees' own branches live elsewhere. */
export function trackingRef(ref: string): string {
  for (const [remote, local] of TRACKING) {
    if (ref.startsWith(remote)) return local + ref.slice(remote.length);
  }
  return `refs/remotes/gastown-refs/${ref}`;
}

const COMMIT_ID = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

export function isCommitId(text: string): boolean {
  return COMMIT_ID.test(text);
}

// oxlint-disable-next-line no-control-regex -- git forbids control characters in refs
const FULL_REF = /^refs\/(?!.*(?:\.\.|\/\/|@\{|\.lock(?:\/|$)|\/\.|\.\/|\/$|\.$))[^\x00-\x20\x7f~^:?*[\\]+$/;

/** A full ref name by the rules of `git check-ref-format`: it can be nothing else in a refspec. */
export function isFullRef(text: string): boolean {
  return FULL_REF.test(text);
}
