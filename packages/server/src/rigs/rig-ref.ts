import type { Rig, RigRef } from "@gastown/protocol";

/** A rig as effects and forges know it. */
export function rigRefOf({ id, name, gitUrl, defaultBranch }: Rig): RigRef {
  return { id, name, git_url: gitUrl, default_branch: defaultBranch ?? "main" };
}
