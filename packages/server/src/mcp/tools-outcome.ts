/** The calls with which a polecat or a refinery ends its work (spec/api.md §4.3). */
import { GastownError, type ToolInput } from "@gastown/protocol";
import type { DoneRequest, SessionContext, SettleState, Town } from "@gastown/town";
import type { TownActor } from "../towns/actor.ts";
import type { ToolResult } from "./result.ts";

/** How long one call waits for the runner; the next one attaches to the same settle. */
const WAIT_MS = 60_000;

/** Asks for a settle and waits for its end; for a refinery it only tells whether a verdict is there. */
export async function done(
  actor: TownActor,
  session: SessionContext,
  args: ToolInput<"gt_done">,
): Promise<ToolResult> {
  const { sessionId } = session;
  const asked = actor.run((town) => town.requestDone(sessionId, args));
  if (asked.type !== "settling") return recorded(asked);
  const { settleId } = asked;
  const over = (town: Town): Over | undefined => {
    const state = town.settleState(sessionId, settleId);
    return state.type === "pending" ? undefined : state;
  };
  const state = await actor.wait(over, WAIT_MS);
  if (state !== undefined) return settled(state);
  throw new GastownError(
    "timeout",
    "Your work is still being committed and pushed. Call gt_done again with the same arguments; it goes on waiting.",
  );
}

function recorded(asked: Exclude<DoneRequest, { type: "settling" }>): ToolResult {
  if (asked.type === "verdict_recorded") {
    return { text: `Verdict already recorded: ${asked.verdict}.`, data: { verdict: asked.verdict } };
  }
  const { outcome, headSha, branch } = asked;
  const where = headSha === null ? "" : ` ${short(headSha)}${branch === null ? "" : ` on ${branch}`}`;
  return {
    text: `Already recorded: ${outcome}${where}. You are finished; stop here.`,
    data: { outcome, head_sha: headSha, branch },
  };
}

type Over = Exclude<SettleState, { type: "pending" }>;

function settled(state: Over): ToolResult {
  if (state.type === "refused") throw new GastownError(state.code, state.message);
  if (state.type === "over") throw new GastownError("session_fenced", state.message);
  if (state.type === "no_changes") {
    return {
      text: "Recorded: nothing had to change. You are finished; stop here.",
      data: { outcome: "no_changes" },
    };
  }
  const { headSha, branch, commits, additions, deletions } = state;
  const size = `${commits} ${commits === 1 ? "commit" : "commits"}, +${additions} −${deletions}`;
  return {
    text: `Submitted ${short(headSha)} on ${branch} (${size}). You are finished; stop here.`,
    data: { outcome: "submitted", head_sha: headSha, branch, commits, additions, deletions },
  };
}

export function approve(
  town: Town,
  session: SessionContext,
  { summary }: ToolInput<"gt_approve">,
): ToolResult {
  const { headSha, repeated } = town.giveVerdict(session.sessionId, { kind: "approve", summary });
  return {
    text: `${again(repeated)}Approved ${short(headSha)}. The town tests and lands it. You are finished.`,
    data: { verdict: "approve", head_sha: headSha },
  };
}

export function requestChanges(
  town: Town,
  session: SessionContext,
  { feedback, files }: ToolInput<"gt_request_changes">,
): ToolResult {
  const { headSha, reworkBeadId, repeated } = town.giveVerdict(session.sessionId, {
    kind: "request_changes",
    feedback,
    files: files ?? [],
  });
  const rework = reworkBeadId === null ? "" : `; rework bead ${reworkBeadId} made`;
  return {
    text: `${again(repeated)}Changes requested${rework}. You are finished; a new review follows.`,
    data: { verdict: "request_changes", head_sha: headSha, rework_bead_id: reworkBeadId },
  };
}

const short = (sha: string): string => sha.slice(0, 8);
const again = (repeated: boolean): string => (repeated ? "Already done. " : "");
