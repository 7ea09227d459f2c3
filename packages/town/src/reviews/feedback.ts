/**
 * What people and checks say about a pull request, as the work order of one fix bead
 * (spec/review.md §4.3).
 */
import type { ChangeRequest, CheckRun, ReviewThread } from "@gastown/protocol";
import { fromJson, toJson } from "../kernel/json.ts";
import type { Ctx } from "../kernel/context.ts";
import type { BeadRow } from "../beads/bead-row.ts";
import { z } from "zod";
import type { WorkOrder } from "./fix-beads.ts";
import type { Reading } from "./pull-request.ts";

/** Characters of one failing check's log that a worker is given: its end. */
const LOG_TAIL = 4_000;
const MAX_TEXT = 48_000;

/** What has to be done about a pull request, from one reading. */
export interface Feedback {
  threads: readonly ReviewThread[];
  red: readonly CheckRun[];
  /** What those who ask for changes say to it as a whole. */
  requests: readonly ChangeRequest[];
}

export const isSilent = ({ threads, red, requests }: Feedback): boolean =>
  threads.length + red.length + requests.length === 0;

/** Requests, threads with file, line and text, failing checks with the ends of their logs; empty: nothing. */
export function feedbackText({ threads, red, requests }: Feedback, logs: Reading["logs"]): string {
  const parts: string[] = [];
  if (requests.length > 0) {
    parts.push(
      "Reviewers ask for changes. Do what they ask for, or say in your summary why not.",
      ...requests.map(({ author, body }) => `### ${author}\n${body}`),
    );
  }
  if (threads.length > 0) {
    parts.push(
      `There are ${threads.length} unresolved review threads. Do what each asks for, or answer why not. ` +
        `Answer in every thread with gt_pr_reply, by its id, and with resolve: true when it is settled as a whole; ` +
        `gt_pr_threads shows them as they are now. If only answers were needed, end with gt_done and no_changes: true.`,
      ...threads.map(threadText),
    );
  }
  if (red.length > 0) {
    parts.push("These checks of the pull request fail. Find the cause and repair it.");
    parts.push(...red.map((check) => checkText(check, logs)));
  }
  return parts.join("\n\n").slice(0, MAX_TEXT);
}

function threadText(thread: ReviewThread): string {
  const place =
    thread.path === null
      ? "the whole change"
      : `${thread.path}${thread.line === null ? "" : `:${thread.line}`}`;
  const said = thread.comments.map((comment) => `${comment.author}: ${comment.body}`).join("\n");
  return `### Thread ${thread.id} on ${place}${thread.outdated ? " (the lines have changed since)" : ""}\n${said}`;
}

function checkText(check: CheckRun, logs: Reading["logs"]): string {
  const log = logs.find(({ name }) => name === check.name)?.text ?? check.summary ?? "";
  const head = `### ${check.name}: ${check.state.replaceAll("_", " ")}${check.url === null ? "" : ` (${check.url})`}`;
  return log === "" ? head : `${head}\n${log.slice(-LOG_TAIL)}`;
}

export function feedbackOrder(feedback: Feedback, logs: Reading["logs"]): WorkOrder {
  return {
    kind: "feedback",
    cause: "feedback",
    text: feedbackText(feedback, logs),
    files: feedback.threads.flatMap((thread) =>
      thread.path === null
        ? []
        : [
            {
              path: thread.path,
              ...(thread.line === null ? {} : { line: thread.line }),
              note: (thread.comments[0]?.body ?? "").slice(0, 500),
            },
          ],
    ),
  };
}

const stored = z.looseObject({ workOrder: z.looseObject({ text: z.string() }) });
const JOINED = "## Also asked for on the pull request";

/** Feedback that comes while a conflict bead waits to be begun joins it (spec/review.md §4.3). */
export function joinConflict(ctx: Ctx, fix: BeadRow, text: string): void {
  const metadata = fromJson(stored, fix.metadata);
  if (!metadata || text === "") return;
  const own = metadata.workOrder.text.split(`\n\n${JOINED}`)[0] ?? "";
  const joined = `${own}\n\n${JOINED}\n\n${text}`;
  if (joined === metadata.workOrder.text) return;
  ctx.sql.run(
    "update beads set metadata = ?, body = ? where id = ?",
    toJson({ ...metadata, workOrder: { ...metadata.workOrder, text: joined } }),
    joined,
    fix.id,
  );
}

/** The same heading where both are known when the conflict bead is made. */
export function besidesConflict(text: string): string {
  return text === "" ? "" : `${JOINED}\n\n${text}`;
}
