/** The steps of a polecat's bead (spec/api.md §4.3). Their texts came from others: they stand after the marker. */
import type { Molecule, ToolInput } from "@gastown/protocol";
import type { SessionContext, Town } from "@gastown/town";
import { compose } from "../prompts/text.ts";
import { actorOf } from "./actor-of.ts";
import type { ToolResult } from "./result.ts";

export function molCurrent(town: Town, session: SessionContext): ToolResult {
  return told(town.currentStep(session.sessionId));
}

export function molAdvance(
  town: Town,
  session: SessionContext,
  { summary }: ToolInput<"gt_mol_advance">,
): ToolResult {
  return told(town.advanceStep(session.sessionId, summary, actorOf(session)));
}

function told({ steps, current }: Molecule): ToolResult {
  const data = { current, steps: steps.map(({ title, state }) => ({ title, state })) };
  const step = current === null ? undefined : steps[current];
  if (current === null || step === undefined) return { text: `All ${steps.length} steps are done.`, data };
  return {
    text: compose(
      [`Step ${current + 1} of ${steps.length}. Call gt_mol_advance when it is done.`],
      [{ heading: step.title, text: step.instructions || step.title }],
    ),
    data,
  };
}
