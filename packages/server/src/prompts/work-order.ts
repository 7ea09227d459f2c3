/** What a fix bead is for: changes that a review wants, red gates, or a conflict. */
import type { PrimeContext } from "@gastown/protocol";
import { dataBlock, joined } from "./text.ts";

/** The order of a fix bead; null where the bead's own text is the order. */
export function workOrder(prime: PrimeContext): string | null {
  const order = prime.work_order;
  if (order === null) return null;
  const files = order.files.map(({ path, line, note }) => {
    const at = line === undefined ? path : `${path}:${line}`;
    return note === undefined ? `- ${at}` : `- ${at}: ${note}`;
  });
  return joined([leadOf(prime, order.kind), dataBlock([order.text, ...files].join("\n"))]);
}

function leadOf(prime: PrimeContext, kind: NonNullable<PrimeContext["work_order"]>["kind"]): string {
  const target = prime.target ?? prime.review?.target ?? "the target branch";
  switch (kind) {
    case "rework":
      return "This branch was reviewed or tested, and must be changed before it may land. Do what is asked below and nothing beyond it; add commits, do not rewrite those that were reviewed.";
    case "feedback":
      return "People commented on this change. Settle every point below: change the code, or explain in your summary why it stays as it is.";
    case "conflict":
      return `This branch no longer merges into ${target}. Fetch, merge origin/${target} into your branch, resolve the conflicts so that both sides keep their meaning, run the gates, and commit the merge.`;
    case "work":
    case "triage":
      return "What is asked for:";
  }
}
