import type { RequestPermissionRequest, RequestPermissionResponse } from "@agentclientprotocol/sdk";

export type Allowance = "allow" | "deny" | "cancelled";

const WANTED = {
  allow: ["allow_once", "allow_always"],
  deny: ["reject_once", "reject_always"],
  cancelled: [],
} as const satisfies Record<Allowance, readonly string[]>;

/**
 * The answer to a permission request (spec/agents-facts.md §8). There always is one, and never
 * `always` where there is `once`: that would hold for the whole directory, beyond this session.
 */
export function answerPermission(
  request: RequestPermissionRequest,
  allowance: Allowance,
): RequestPermissionResponse {
  for (const kind of WANTED[allowance]) {
    const option = request.options.find((candidate) => candidate.kind === kind);
    if (option !== undefined) return { outcome: { outcome: "selected", optionId: option.optionId } };
  }
  return { outcome: { outcome: "cancelled" } };
}
