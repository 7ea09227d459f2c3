/** The one proof that work has landed (spec/review.md §3). */
import type { GitContext } from "./context.ts";
import { HEAD_TRAILER, HEAD_TRAILER_FORMAT } from "./trailers.ts";

export type Landed =
  /** `commit` is where it came into the target. */
  | { readonly landed: true; readonly commit: string }
  | { readonly landed: false }
  /** The mirror lacks one of the two commits. */
  | { readonly landed: "unknown" };

interface Walk {
  /** Commits of the head that the target lacks. */
  readonly ahead: number;
  /** The target's commit since the merge base that names the head. */
  readonly named: string | null;
}

/** Reads the two-sided log: `<` commits of the target only, `>` commits of the head only. Pure. */
export function readWalk(output: string, head: string): Walk {
  let ahead = 0;
  let named: string | null = null;
  for (const line of output.split("\n")) {
    const [mark, commit, trailers] = line.split("\t");
    if (mark === ">") ahead += 1;
    if (mark === "<" && commit !== undefined && trailers?.split(",").includes(head) === true) named = commit;
  }
  return { ahead, named };
}

/** The first commit on the target's own line that contains `head`; `head` where it is on that line. */
async function arrival(
  context: GitContext,
  mirror: string,
  head: string,
  target: string,
  signal: AbortSignal,
): Promise<string> {
  const args = ["log", "--first-parent", "--ancestry-path", "--format=%H %P", `${head}..${target}`, "--"];
  const line = await context.git({ at: { gitDir: mirror }, args, signal });
  const [commit, parent] = line.stdout.trim().split("\n").at(-1)?.split(" ") ?? [];
  return !line.ok || commit === undefined || commit === "" || parent === head ? head : commit;
}

/** Whether `head` landed in the target whose remote head is `target`. Both must be in the mirror. */
export async function landed(
  context: GitContext,
  mirror: string,
  head: string,
  target: string,
  signal: AbortSignal,
): Promise<Landed> {
  const args = [
    "log",
    "--left-right",
    `--format=%m%x09%H%x09${HEAD_TRAILER_FORMAT}`,
    `${target}...${head}`,
    "--",
  ];
  const log = await context.git({ at: { gitDir: mirror }, args, signal });
  if (!log.ok) return { landed: "unknown" };
  const { ahead, named } = readWalk(log.stdout, head);
  if (ahead === 0) return { landed: true, commit: await arrival(context, mirror, head, target, signal) };
  return named === null ? { landed: false } : { landed: true, commit: named };
}

/** The same for a head that no remote gives any more: then only the trailer can prove it. */
export async function landedByName(
  context: GitContext,
  mirror: string,
  head: string,
  target: string,
  signal: AbortSignal,
): Promise<Landed> {
  const args = [
    "log",
    "--fixed-strings",
    `--grep=${HEAD_TRAILER}: ${head}`,
    `--format=<%x09%H%x09${HEAD_TRAILER_FORMAT}`,
    target,
    "--",
  ];
  const log = await context.git({ at: { gitDir: mirror }, args, signal });
  const named = log.ok ? readWalk(log.stdout, head).named : null;
  return named === null ? { landed: false } : { landed: true, commit: named };
}
