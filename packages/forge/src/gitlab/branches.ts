/** Branches, and what is in them. */
import { limits } from "@gastown/protocol";
import { z } from "zod";
import { ForgeFailure, refusedWith, unlessStatus } from "../failure.ts";
import { parsed } from "../transport/parse.ts";
import type { GitLabCall } from "./call.ts";

const branch = z.object({ commit: z.object({ id: limits.sha }) });

async function headOf(call: GitLabCall, name: string): Promise<string> {
  const data: unknown = await call.branches.show(call.project, name);
  return parsed("gitlab", branch, data).commit.id;
}

/** Null: no such branch. Without access GitLab says the same, so the project is asked too. */
async function readHead(call: GitLabCall, name: string): Promise<string | null> {
  const head = await unlessStatus([404], () => headOf(call, name));
  if (head === null) await call.projects.show(call.project);
  return head;
}

const elsewhere = (head: string): ForgeFailure =>
  new ForgeFailure({
    kind: "http_error",
    provider: "gitlab",
    status: 409,
    status_text: `the branch stands at ${head}`,
    transient: false,
  });

export async function createBranch(
  call: GitLabCall,
  input: { branch: string; headSha: string },
): Promise<{ headSha: string }> {
  const before = await readHead(call, input.branch);
  if (before === input.headSha) return { headSha: before };
  if (before !== null) throw elsewhere(before);
  try {
    const data: unknown = await call.branches.create(call.project, input.branch, input.headSha);
    return { headSha: parsed("gitlab", branch, data).commit.id };
  } catch (thrown) {
    const raced = refusedWith([400], thrown) ? await readHead(call, input.branch) : null;
    if (raced === null) throw thrown;
    if (raced !== input.headSha) throw elsewhere(raced);
    return { headSha: raced };
  }
}

/** GitLab deletes without a condition: between the look and the act a push may be lost to it. */
export async function deleteBranch(
  call: GitLabCall,
  input: { branch: string; headSha: string },
): Promise<{ deleted: boolean; stands_at: string | null }> {
  const head = await readHead(call, input.branch);
  if (head !== input.headSha) return { deleted: false, stands_at: head };
  const deleted = await unlessStatus([404], async () => {
    await call.branches.remove(call.project, input.branch);
    return true;
  });
  return { deleted: deleted !== null, stands_at: null };
}

/** Null: no file there. That the ref itself can be read is asked where the answer is "not found". */
export async function readFile(
  call: GitLabCall,
  { path, ref }: { path: string; ref: string },
): Promise<string | null> {
  const text = await unlessStatus([404], () => call.rawFile(path, ref));
  if (text === null) await call.commits.show(call.project, ref);
  return text;
}

/** The best common ancestor of a commit and what contains it is the commit. */
export async function contains(
  call: GitLabCall,
  input: { branch: string; commit: string },
): Promise<boolean> {
  const head = await headOf(call, input.branch);
  if (head === input.commit) return true;
  const base = await unlessStatus([400, 404], async () => {
    const data: unknown = await call.repositories.mergeBase(call.project, [input.commit, head]);
    return parsed("gitlab", z.object({ id: limits.sha }), data);
  });
  return base?.id === input.commit;
}
