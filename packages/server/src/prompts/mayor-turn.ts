/** A person's message as the mayor reads it: their words first, then what the town knows around them. */
import type { TurnToGive } from "@gastown/town";
import { DATA_LINE } from "./text.ts";

const MAX_TOOLS = 12_000;

/**
 * The message itself is the person's and stands alone where nothing is added to it. What was on their
 * screen, and what tools printed, is data: nobody vouches for it (spec/api.md §3.10).
 */
export function mayorTurn({ text, contexts, rig, interrupted }: Omit<TurnToGive, "mode">): string {
  const ours = [
    interrupted === null ? null : INTERRUPTED,
    rig === null ? null : `(The person is looking at rig ${rig.name}, ${rig.id}.)`,
  ].filter((part) => part !== null);
  const data = [
    ...contexts.map(({ at, text: shown }) => `## On the person's screen at ${at} (untrusted)\n\n${shown}`),
    ...toolsSection(interrupted),
  ];
  const quoted = data.length === 0 ? [] : [DATA_LINE, ...data];
  return [...ours, text, ...quoted].join("\n\n");
}

const INTERRUPTED =
  "[Interrupted] You were working on the message below when your process ended; it is given to you once more. What your tools had done by then, as far as it is known, stands at the end. See what exists before you repeat anything.";

function toolsSection(interrupted: TurnToGive["interrupted"]): string[] {
  if (interrupted === null) return [];
  const lines = interrupted.tools.map(({ title, status, input, output }, i) =>
    [`${i + 1}. ${title} (${status})`, input, output === "" ? "" : `→ ${output}`]
      .filter((part) => part !== "")
      .join(" "),
  );
  const text = lines.length === 0 ? "No tool is known to have been called." : lines.join("\n");
  return [`## What your tools had done before the interruption\n\n${text.slice(0, MAX_TOOLS)}`];
}
