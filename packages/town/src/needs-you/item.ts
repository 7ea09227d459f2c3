/** One thing that needs a person, before it is known what it holds up and whether it was put aside. */
import type { NeedsYou, NeedsYouAction, NeedsYouKind, Severity } from "@gastown/protocol";

export interface Item {
  kind: NeedsYouKind;
  question: string;
  because: string;
  /** Epoch ms. */
  since: number;
  severity: Severity;
  object: NeedsYou["object"];
  rigId: string | null;
  convoyId: string | null;
  /** What waits for it: a bead with everything behind it, a convoy's members, a rig's or the town's work. */
  holds: { type: "bead" | "convoy" | "rig" | "town"; id: string } | null;
  primary: NeedsYouAction;
  others: NeedsYouAction[];
}

export const action = (
  label: string,
  operation: string,
  args: Record<string, string> = {},
): NeedsYouAction => ({ label, operation, args });

/** The same thing asked again, after it was settled, is another. */
export const keyOf = ({ kind, object, since }: Item): string => `${kind}:${object.id}:${since}`;

/** What a person has seen of it: another one is a change. */
export const lookOf = ({ question, because, severity }: Item): string =>
  JSON.stringify([question, because, severity]);
