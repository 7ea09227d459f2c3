/** Whether a pull request has the approvals that its repository wants. */
import type { ApprovalState, PullRequestSignals } from "@gastown/protocol";
import { z } from "zod";
import { commentBody } from "../review/text.ts";
import type { GitHubCall } from "./call.ts";

const review = z.object({
  state: z.string(),
  body: z.string(),
  author: z.object({ login: z.string() }).nullable(),
  commit: z.object({ oid: z.string() }).nullable(),
});
type Review = z.infer<typeof review>;

const page = z.object({
  repository: z.object({
    pullRequest: z.object({
      headRefOid: z.string(),
      reviewDecision: z.string().nullable(),
      latestOpinionatedReviews: z
        .object({
          pageInfo: z.object({ hasNextPage: z.boolean(), endCursor: z.string().nullable() }),
          nodes: z.array(review),
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

type Approval = PullRequestSignals["approval"];
const unknown = (why: string): Approval => ({ state: "unknown", why });

/** With what those who ask for changes of this very head say: of an earlier one it may be done already. */
function known(decision: ApprovalState, reviews: readonly Review[], headSha: string): Approval {
  const requests = reviews
    .filter(({ state, commit }) => state === "CHANGES_REQUESTED" && commit?.oid === headSha)
    .map(({ author, body }) => ({ author: author?.login ?? "ghost", body: commentBody(body) }))
    .filter(({ body }) => body.trim() !== "");
  return requests.length === 0 || decision !== "changes_requested"
    ? { state: "known", decision }
    : { state: "known", decision, requests };
}

/** GitHub's own decision where there is one, else what the latest review of each writer says. */
export async function readApproval(call: GitHubCall, number: number, headSha: string): Promise<Approval> {
  const found: Review[] = [];
  let decision: string | null = null;
  let after: string | null = null;
  do {
    const variables: Record<string, unknown> = { ...call.at, number, after };
    const { pullRequest } = (await call.graphql(page, "approval", variables)).repository;
    // A push between the two readings may have dismissed what this one still shows, or the reverse.
    if (pullRequest.headRefOid !== headSha) return unknown("the head moved while it was read");
    decision = pullRequest.reviewDecision;
    const reviews = pullRequest.latestOpinionatedReviews;
    found.push(...(reviews?.nodes ?? []));
    after = reviews?.pageInfo.hasNextPage === true ? reviews.pageInfo.endCursor : null;
  } while (after !== null);

  const states = found.map(({ state }) => state);
  const odd = states.find((state) => !OPINIONS.has(state));
  if (odd !== undefined) return unknown("a review has a state that is not known here");
  if (decision !== null) {
    const decided = DECISIONS.get(decision);
    return decided === undefined
      ? unknown("the review decision is not known here")
      : known(decided, found, headSha);
  }
  if (states.includes("CHANGES_REQUESTED")) return known("changes_requested", found, headSha);
  return known(states.includes("APPROVED") ? "approved" : "none", found, headSha);
}
