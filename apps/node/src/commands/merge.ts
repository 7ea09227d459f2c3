import { mergeRequestShape, type MergeRequest } from "@gastown/protocol";
import type { Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT } from "../cli/failure.ts";
import { theTown } from "../cli/target.ts";
import { findBead } from "../cli/things.ts";
import { choiceOption, textOption } from "../cli/values.ts";
import { describeMerge } from "./merge-text.ts";

/** By the id of a merge request or of the bead whose work it is. */
async function find(context: Context, ref: string): Promise<{ path: string; merge: MergeRequest }> {
  const api = await context.api();
  const town = await theTown(context);
  const bead = await findBead(context, town.id, ref);
  const merges = `/api/towns/${town.id}/merges`;
  const merge = await api.get(mergeRequestShape, `${merges}/${bead.id}`);
  return { merge, path: `${merges}/${merge.id}` };
}

/** A command on one merge request, with what it sends and says. */
function command(
  action: string,
  said: string,
  body: (merge: MergeRequest, args: readonly string[], options: Parameters<Run>[2]) => object = () => ({}),
): Run {
  return async (context, [ref = "", ...args], options) => {
    const { path, merge } = await find(context, ref);
    const api = await context.api();
    const changed = await api.post(mergeRequestShape, `${path}/${action}`, body(merge, args, options));
    const waits = changed.waitingOn === undefined ? "" : ` Now it ${changed.waitingOn.message}.`;
    context.out.result(changed, `${said}: ${changed.title}.${waits}`);
    return EXIT.done;
  };
}

export const mergeShow: Run = async (context, [ref = ""]) => {
  const { merge } = await find(context, ref);
  context.out.result(merge, () => describeMerge(context.out, merge));
  return EXIT.done;
};

export const mergeRetry: Run = command("retry", "Tried again");
export const mergeHold: Run = command("hold", "Kept from landing");
export const mergeRelease: Run = command("release", "May land again");
export const mergeRefresh: Run = command("refresh", "Read now");
export const mergeNow: Run = command("merge", "Merged as soon as all is green", ({ headSha }) => ({
  headSha,
}));

export const mergeApprove: Run = command("verdict", "Approved", ({ headSha }, _args, options) => ({
  headSha,
  verdict: "approve",
  summary: textOption(options, "summary") ?? "Approved by a person.",
}));

export const mergeReject: Run = command("verdict", "Changes asked for", ({ headSha }, [feedback = ""]) => ({
  headSha,
  verdict: "request_changes",
  feedback,
}));

export const mergeDismiss: Run = command("dismiss", "Dismissed", (_merge, _args, options) => ({
  source: choiceOption(options, "source", ["hold", "reopen", "close"]) ?? "hold",
  note: textOption(options, "note") ?? "",
}));
