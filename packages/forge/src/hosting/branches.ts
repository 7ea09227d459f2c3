/** Making and deleting branches: both look first, so that a repeat is harmless (spec/town.md §4, effects). */
import { ForgeFailure, refusedWith } from "../failure.ts";

export interface BranchCalls<C> {
  readonly kind: "github" | "gitlab";
  /** The head of a branch; null: there is none. */
  readHead(call: C, branch: string): Promise<string | null>;
  /** The head at which it was made. */
  makeBranch(call: C, branch: string, headSha: string): Promise<string>;
  /** The status with which the forge refuses to make what is there. */
  readonly branchExists: number;
  /** False: it was gone. Forges delete without a condition: between the look and the act a push may be lost to it. */
  removeBranch(call: C, branch: string): Promise<boolean>;
}

const elsewhere = (provider: "github" | "gitlab", head: string): ForgeFailure =>
  new ForgeFailure({
    kind: "http_error",
    provider,
    status: 409,
    status_text: `the branch stands at ${head}`,
    transient: false,
  });

interface Wanted {
  branch: string;
  headSha: string;
}

export async function createBranch<C>(
  calls: BranchCalls<C>,
  call: C,
  { branch, headSha }: Wanted,
): Promise<{ headSha: string }> {
  const standing = (head: string): { headSha: string } => {
    if (head !== headSha) throw elsewhere(calls.kind, head);
    return { headSha: head };
  };
  const before = await calls.readHead(call, branch);
  if (before !== null) return standing(before);
  try {
    return { headSha: await calls.makeBranch(call, branch, headSha) };
  } catch (thrown) {
    const raced = refusedWith([calls.branchExists], thrown) ? await calls.readHead(call, branch) : null;
    if (raced === null) throw thrown;
    return standing(raced);
  }
}

export async function deleteBranch<C>(
  calls: BranchCalls<C>,
  call: C,
  { branch, headSha }: Wanted,
): Promise<{ deleted: boolean; stands_at: string | null }> {
  const head = await calls.readHead(call, branch);
  if (head !== headSha) return { deleted: false, stands_at: head };
  return { deleted: await calls.removeBranch(call, branch), stands_at: null };
}
