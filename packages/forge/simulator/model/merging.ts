/** The merge itself, the same for both forges. */
import { mergeInto } from "../git/bare.ts";
import type { Method, PullRequest, Repository, User } from "./types.ts";
import type { World } from "./world.ts";

/** False: they conflict, or the target moved in this moment. */
export async function mergePull(
  world: World,
  at: { repository: Repository; pull: PullRequest },
  how: { method: Method; message: string; by: User },
): Promise<boolean> {
  const { repository, pull } = at;
  const commit = await mergeInto(repository.dir, {
    branch: pull.base,
    head: pull.headSha,
    method: how.method,
    message: how.message,
  });
  if (commit === null) return false;
  pull.state = "merged";
  pull.mergeCommit = commit;
  pull.mergedBy = how.by;
  pull.mergedAt = world.clock.now();
  pull.updatedAt = pull.mergedAt;
  world.changed(repository, pull, "closed");
  return true;
}
