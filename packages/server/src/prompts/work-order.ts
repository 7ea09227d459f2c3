/** What a fix bead is for: changes that a review wants, red gates, or a conflict. */
import type { BeadKind, PrimeContext } from "@gastown/protocol";
import type { DataSection } from "./text.ts";

/** What to do, in our words; null where the bead's own text is the order. */
export function orderLead(prime: PrimeContext): string | null {
  return prime.work_order === null ? null : leadOf(prime, prime.work_order.kind);
}

/** What was asked for, in the words of who asked. */
export function orderData(prime: PrimeContext): DataSection | null {
  const order = prime.work_order;
  if (order === null) return null;
  const files = order.files.map(({ path, line, note }) => {
    const at = line === undefined ? path : `${path}:${line}`;
    return note === undefined ? `- ${at}` : `- ${at}: ${note}`;
  });
  return { heading: `Work order (${order.kind})`, text: [order.text, ...files].join("\n") };
}

function leadOf(prime: PrimeContext, kind: BeadKind): string | null {
  const target = prime.target ?? prime.review?.target ?? "the target branch";
  if (kind === "rework") {
    return "This branch was reviewed or tested, and must be changed before it may land. Do what the work order asks and nothing beyond it; add commits, do not rewrite those that were reviewed.";
  }
  if (kind === "feedback") {
    return "People commented on this change. Settle every point of the work order: change the code, or say in your summary why it stays as it is.";
  }
  if (kind === "conflict") {
    return `This branch no longer merges into ${target}. Fetch, merge origin/${target} into your branch, resolve the conflicts so that both sides keep their meaning, run the gates, and commit the merge.`;
  }
  return null;
}
