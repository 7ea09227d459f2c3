/** What agents' tools are told by the town (spec/api.md §4). */
import type { Role } from "@gastown/protocol";

export interface SessionClaims {
  sessionId: string;
  epoch: number;
  agentId: string;
}

/** The session behind a tool call, live or (for a repeated outcome call) ended. */
export interface SessionContext {
  sessionId: string;
  epoch: number;
  role: Role;
  agent: { id: string; name: string };
  rigId: string | null;
  beadId: string | null;
  live: boolean;
}

/** What `gt_done` may answer at once, or the settle that has to be awaited. */
export type DoneRequest =
  | { type: "settling"; settleId: string }
  | { type: "recorded"; outcome: string; headSha: string | null; branch: string | null }
  | { type: "verdict_recorded"; verdict: "approve" | "request_changes" };

/** How a settle stands. `refused` leaves the agent working, with what to do in `message`. */
export type SettleState =
  | { type: "pending" }
  | {
      type: "submitted";
      headSha: string;
      branch: string;
      commits: number;
      additions: number;
      deletions: number;
    }
  | { type: "no_changes" }
  | {
      type: "refused";
      code: "nothing_to_submit" | "changes_present" | "push_failed" | "head_moved";
      message: string;
    }
  | { type: "over"; message: string };
