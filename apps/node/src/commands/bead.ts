import { beadDetail, beadShape, type Bead, type BeadDetail } from "@gastown/protocol";
import type { OptionValues, Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT } from "../cli/failure.ts";
import { cut, table } from "../cli/output.ts";
import { listOf, theTown } from "../cli/target.ts";
import { findBead, findConvoy } from "../cli/things.ts";
import { choiceOption, textOption } from "../cli/values.ts";
import { failureText } from "./failure-text.ts";

const PAGE = 200;

export const beadList: Run = async (context, _args, options) => {
  const api = await context.api();
  const town = await theTown(context);
  const convoyRef = textOption(options, "convoy");
  const convoyId = convoyRef === undefined ? undefined : (await findConvoy(context, town.id, convoyRef)).id;
  const everything = options["all"] === true ? "open,in_progress,in_review,closed,failed" : undefined;
  const answer = await api.get(listOf(beadShape), `/api/towns/${town.id}/beads`, {
    status: textOption(options, "status") ?? everything,
    convoyId,
    q: textOption(options, "search"),
    limit: PAGE,
  });
  context.out.result(answer, () => (answer.items.length === 0 ? "No beads." : list(answer.items)));
  if (answer.nextCursor !== null) context.out.note(`The first ${PAGE}; there are more.`);
  return EXIT.done;
};

function list(beads: readonly Bead[]): string {
  return table(
    ["ID", "TYPE", "STATUS", "TITLE", "WHO OR WHY"],
    beads.map((bead) => [
      bead.shortId,
      bead.kind ?? bead.type,
      bead.status,
      cut(bead.title, 50),
      cut(whoOrWhy(bead), 60),
    ]),
  );
}

function whoOrWhy(bead: Bead): string {
  return bead.assignee?.name ?? bead.waitingOn?.message ?? bead.reason ?? "";
}

export const beadShow: Run = async (context, [ref = ""]) => {
  const api = await context.api();
  const town = await theTown(context);
  const { id } = await findBead(context, town.id, ref);
  const bead = await api.get(beadDetail, `/api/towns/${town.id}/beads/${id}`);
  context.out.result(bead, () => describe(context, bead));
  return EXIT.done;
};

function describe({ out }: Context, bead: BeadDetail): string {
  const newest = bead.sessions.findLastIndex(({ startedAt }) =>
    bead.sessions.every((other) => other.startedAt <= startedAt),
  );
  const lines = [
    out.style("bold", bead.title),
    `${bead.id}  ${bead.type}, ${bead.status}${bead.reason === null ? "" : ` (${bead.reason})`}`,
  ];
  if (bead.waitingOn !== undefined) lines.push(`Waits: ${bead.waitingOn.message}`);
  if (bead.body !== "") lines.push("", bead.body);
  for (const [i, step] of (bead.molecule?.steps ?? []).entries())
    lines.push(`Step ${i + 1}: ${step.title} (${step.state})`);
  if (bead.runtime !== null) lines.push(`Agent: ${bead.runtime}`);
  if (bead.model !== null) lines.push(`Model: ${bead.model}`);
  for (const blocker of bead.dependencies.blockedBy)
    lines.push(`After: ${blocker.title} (${blocker.status})`);
  if (bead.mergeRequest !== undefined)
    lines.push(
      `Merge request: ${bead.mergeRequest.state}, ${bead.mergeRequest.branch} → ${bead.mergeRequest.target}`,
    );
  for (const [i, session] of bead.sessions.entries()) {
    lines.push(
      `Attempt: ${session.agentName}, ${session.outcome ?? session.state}${session.reason === null ? "" : `: ${cut(session.reason.message, 100)}`}`,
    );
    // Of the newest all that is known; of those before it that they were there.
    if (i === newest) lines.push(...failureText(session).map((line) => `  ${line}`));
  }
  if (bead.timeline.length > 0) lines.push("", out.style("dim", "History"));
  for (const entry of bead.timeline.toSorted((a, b) => a.seq - b.seq))
    lines.push(`  ${entry.at.slice(0, 19).replace("T", " ")}  ${entry.text}`);
  return lines.join("\n");
}

/** One bead, one change of it. */
function change(
  operation: string,
  body: (options: OptionValues) => object,
  done: (bead: Bead) => string,
): Run {
  return async (context, [ref = ""], options) => {
    const api = await context.api();
    const town = await theTown(context);
    const { id } = await findBead(context, town.id, ref);
    const bead = await api.post(beadShape, `/api/towns/${town.id}/beads/${id}/${operation}`, body(options));
    context.out.result(bead, done(bead));
    return EXIT.done;
  };
}

const noteOf = (options: OptionValues): object => {
  const note = textOption(options, "note");
  return note === undefined ? {} : { note };
};

export const beadRetry: Run = change(
  "retry",
  (options) => ({ ...noteOf(options), ...(options["fresh"] === true ? { fresh: true } : {}) }),
  (bead) => `${bead.shortId} starts anew.`,
);

export const beadClose: Run = change(
  "close",
  (options) => ({
    ...noteOf(options),
    reason:
      choiceOption(options, "reason", ["cancelled", "duplicate", "done_elsewhere", "waived"] as const) ??
      "cancelled",
  }),
  (bead) => `${bead.shortId} is ${bead.status} (${bead.reason}).`,
);

export const beadStart: Run = change(
  "start",
  () => ({}),
  (bead) => `${bead.shortId} is released.`,
);
export const beadHold: Run = change(
  "hold",
  () => ({}),
  (bead) => `${bead.shortId} is held.`,
);
