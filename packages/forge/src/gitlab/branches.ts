/** Branches, and what is in them. */
import { limits } from "@gastown/protocol";
import { z } from "zod";
import { unlessStatus } from "../failure.ts";
import { parsed } from "../transport/parse.ts";
import type { GitLabCall } from "./call.ts";

const branch = z.object({ commit: z.object({ id: limits.sha }) });

async function headOf(call: GitLabCall, name: string): Promise<string> {
  const data: unknown = await call.branches.show(call.project, name);
  return parsed("gitlab", branch, data).commit.id;
}

/** Null: no such branch. Without access GitLab says the same, so the project is asked too. */
export async function readHead(call: GitLabCall, name: string): Promise<string | null> {
  const head = await unlessStatus([404], () => headOf(call, name));
  if (head === null) await call.projects.show(call.project);
  return head;
}

export async function makeBranch(call: GitLabCall, name: string, headSha: string): Promise<string> {
  const data: unknown = await call.branches.create(call.project, name, headSha);
  return parsed("gitlab", branch, data).commit.id;
}

export async function removeBranch(call: GitLabCall, name: string): Promise<boolean> {
  const deleted = await unlessStatus([404], async () => {
    await call.branches.remove(call.project, name);
    return true;
  });
  return deleted !== null;
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
