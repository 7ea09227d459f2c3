import type { RequestPermissionRequest, RequestPermissionResponse } from "@agentclientprotocol/sdk";

/**
 * The answer to a permission request (spec/agents-facts.md §8). There always is one, and never
 * `always`: that would hold for the whole directory, beyond this session.
 */
export function answerPermission(
  request: RequestPermissionRequest,
  policy: "allow_in_worktree" | "deny",
  cancelled: boolean,
): RequestPermissionResponse {
  if (cancelled) return { outcome: { outcome: "cancelled" } };
  const wanted = policy === "deny" ? ["reject_once", "reject_always"] : ["allow_once", "allow_always"];
  for (const kind of wanted) {
    const option = request.options.find((candidate) => candidate.kind === kind);
    if (option !== undefined) return { outcome: { outcome: "selected", optionId: option.optionId } };
  }
  return { outcome: { outcome: "cancelled" } };
}
