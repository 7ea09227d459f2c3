/** Whether a pull request has the approvals that its repository wants. */
import type { ApprovalState, PullRequestSignals } from "@gastown/protocol";
import { z } from "zod";
import type { GitHubCall } from "./call.ts";

const page = z.object({
  repository: z.object({
    pullRequest: z.object({
      headRefOid: z.string(),
      reviewDecision: z.string().nullable(),
      latestOpinionatedReviews: z
        .object({
          pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
          nodes: z.array(z.object({ state: z.string() })),
        })
        .nullable(),
    }),
  }),
});

const DECISIONS = new Map<string, ApprovalState>([
  ["APPROVED", "approved"],
  ["CHANGES_REQUESTED", "changes_requested"],
  ["REVIEW_REQUIRED", "review_required"],
]);
const OPINIONS = new Set(["APPROVED", "CHANGES_REQUESTED", "DISMISSED", "COMMENTED", "PENDING"]);

const unknown = (why: string): PullRequestSignals["approval"] => ({ state: "unknown", why });
const known = (decision: ApprovalState): PullRequestSignals["approval"] => ({ state: "known", decision });

/** GitHub's own decision where there is one, else what the latest review of each writer says. */
export async function readApproval(
  call: GitHubCall,
  number: number,
  headSha: string,
): Promise<PullRequestSignals["approval"]> {
  const states: string[] = [];
  let decision: string | null = null;
  let after: string | null = null;
  do {
    const variables: Record<string, unknown> = { ...call.at, number, after };
    const { pullRequest } = (await call.graphql(page, "approval", variables)).repository;
    // A push between the two readings may have dismissed what this one still shows, or the reverse.
    if (pullRequest.headRefOid !== headSha) return unknown("the head moved while it was read");
    decision = pullRequest.reviewDecision;
    const reviews = pullRequest.latestOpinionatedReviews;
    states.push(...(reviews?.nodes ?? []).map(({ state }) => state));
    after = reviews?.pageInfo.hasNextPage === true ? reviews.pageInfo.endCursor : null;
  } while (after !== null);

  const odd = states.find((state) => !OPINIONS.has(state));
  if (odd !== undefined) return unknown("a review has a state that is not known here");
  if (decision !== null) {
    const decided = DECISIONS.get(decision);
    return decided === undefined ? unknown("the review decision is not known here") : known(decided);
  }
  if (states.includes("CHANGES_REQUESTED")) return known("changes_requested");
  return known(states.includes("APPROVED") ? "approved" : "none");
}
