/** What was said before, for a mayor whose own memory of it is gone (spec/runner.md §4). */
import type { MayorTurn } from "@gastown/town";
import { DATA_LINE } from "./text.ts";

/** All of it, in characters. */
const MAX = 40_000;
const MAX_TURN = 4_000;

const LEAD =
  "Your conversation with the people of this town went on before, in a process whose memory is gone. What the town knows of its last turns follows, the oldest first. Go on from there; the tools say what has become of the work since.";

/** Null where nothing was said. The newest turns are kept where not all have room. */
export function recapOf(turns: readonly MayorTurn[]): string | null {
  const kept: string[] = [];
  let left = MAX - LEAD.length - DATA_LINE.length - 100;
  for (const turn of turns.toReversed()) {
    const text = turnText(turn);
    left -= text.length + 2;
    if (left < 0) break;
    kept.unshift(text);
  }
  if (kept.length === 0) return null;
  return [LEAD, DATA_LINE, "## The conversation so far", ...kept].join("\n\n");
}

function turnText({ asked, said, tools }: MayorTurn): string {
  const lines = [`Person: ${cut(asked)}`];
  if (tools.length > 0) lines.push(`You called: ${cut(tools.map(({ title }) => title).join(", "))}`);
  if (said !== "") lines.push(`You: ${cut(said)}`);
  return lines.join("\n");
}

function cut(text: string): string {
  return text.length > MAX_TURN ? `${text.slice(0, MAX_TURN - 1)}…` : text;
}
