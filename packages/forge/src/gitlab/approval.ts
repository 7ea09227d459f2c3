/** Whether a merge request has the approvals that its project wants. */
import type { ApprovalState, PullRequestSignals } from "@gastown/protocol";
import { z } from "zod";
import { parsed } from "../transport/parse.ts";
import type { GitLabCall } from "./call.ts";

/** Without a paid plan nothing is required, and what would be left is not told. */
const approvals = z.object({
  approved: z.boolean(),
  approvals_left: z.int().nullish(),
  approved_by: z.array(z.unknown()),
});
const reviewers = z.array(z.object({ state: z.string() }));

const REVIEWER_STATES = new Set([
  "approved",
  "requested_changes",
  "review_started",
  "reviewed",
  "unapproved",
  "unreviewed",
]);

const known = (decision: ApprovalState): PullRequestSignals["approval"] => ({ state: "known", decision });

export async function readApproval(call: GitLabCall, iid: number): Promise<PullRequestSignals["approval"]> {
  const [given, asked] = await Promise.all([
    call.approvals.showConfiguration(call.project, { mergerequestIId: iid }) as Promise<unknown>,
    call.mergeRequests.showReviewers(call.project, iid) as Promise<unknown>,
  ]);
  const states = parsed("gitlab", reviewers, asked).map(({ state }) => state);
  const { approved, approvals_left, approved_by } = parsed("gitlab", approvals, given);
  if (states.some((state) => !REVIEWER_STATES.has(state)))
    return { state: "unknown", why: "a reviewer has a state that is not known here" };
  if (states.includes("requested_changes")) return known("changes_requested");
  if (!approved || (approvals_left ?? 0) > 0) return known("review_required");
  return known(approved_by.length > 0 ? "approved" : "none");
}
