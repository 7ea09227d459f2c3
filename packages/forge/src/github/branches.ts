/** Branches, and what is in them. */
import { limits } from "@gastown/protocol";
import { z } from "zod";
import { unlessStatus } from "../failure.ts";
import { parsed } from "../transport/parse.ts";
import type { GitHubCall } from "./call.ts";

const reference = z.object({ object: z.object({ sha: limits.sha }) });

/** The head of a branch; null: there is none. */
export async function readHead(call: GitHubCall, branch: string): Promise<string | null> {
  const found = await unlessStatus([404], () =>
    call.octokit.request("GET /repos/{owner}/{repo}/git/ref/{ref}", { ...call.at, ref: `heads/${branch}` }),
  );
  return found === null ? null : parsed("github", reference, found.data).object.sha;
}

export async function makeBranch(call: GitHubCall, branch: string, headSha: string): Promise<string> {
  const { data } = await call.octokit.request("POST /repos/{owner}/{repo}/git/refs", {
    ...call.at,
    ref: `refs/heads/${branch}`,
    sha: headSha,
  });
  return parsed("github", reference, data).object.sha;
}

export async function removeBranch(call: GitHubCall, branch: string): Promise<boolean> {
  const deleted = await unlessStatus([404, 422], () =>
    call.octokit.request("DELETE /repos/{owner}/{repo}/git/refs/{ref}", {
      ...call.at,
      ref: `heads/${branch}`,
    }),
  );
  return deleted !== null;
}

/** Null: no file there. That the ref itself can be read is asked where the answer is "not found". */
export async function readFile(
  call: GitHubCall,
  input: { path: string; ref: string },
): Promise<string | null> {
  const found = await unlessStatus([404], () =>
    call.octokit.request("GET /repos/{owner}/{repo}/contents/{path}", {
      ...call.at,
      ...input,
      mediaType: { format: "raw" },
    }),
  );
  if (found === null) {
    await call.octokit.request("GET /repos/{owner}/{repo}/commits/{ref}", { ...call.at, ref: input.ref });
    return null;
  }
  // Without a charset Octokit gives bytes; a folder is answered as JSON.
  const data: unknown = found.data;
  if (data instanceof ArrayBuffer) return new TextDecoder().decode(data);
  return typeof data === "string" ? data : null;
}

export async function contains(
  call: GitHubCall,
  input: { branch: string; commit: string },
): Promise<boolean> {
  const compared = await unlessStatus([404], () =>
    call.octokit.request("GET /repos/{owner}/{repo}/compare/{basehead}", {
      ...call.at,
      basehead: `${input.commit}...${input.branch}`,
      per_page: 1,
    }),
  );
  if (compared !== null) {
    const comparison = z.object({ status: z.enum(["ahead", "identical", "behind", "diverged"]) });
    return ["ahead", "identical"].includes(parsed("github", comparison, compared.data).status);
  }
  // No such commit is in no branch; but no such branch, or no access, proves nothing.
  await call.octokit.request("GET /repos/{owner}/{repo}/git/ref/{ref}", {
    ...call.at,
    ref: `heads/${input.branch}`,
  });
  return false;
}
