import { whyShape, type Why } from "@gastown/protocol";
import type { Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT } from "../cli/failure.ts";
import { theTown } from "../cli/target.ts";
import { findBead } from "../cli/things.ts";

export const why: Run = async (context, [ref = ""]) => {
  const api = await context.api();
  const town = await theTown(context);
  const { id } = await findBead(context, town.id, ref);
  const answer = await api.get(whyShape, `/api/towns/${town.id}/beads/${id}/why`);
  context.out.result(answer, () => describe(context, answer));
  return EXIT.done;
};

function describe({ out }: Context, answer: Why): string {
  const lines = [answer.sentence];
  if (answer.chain.length > 1) {
    lines.push("", out.style("bold", "Down to what decides"));
    answer.chain.forEach((link, depth) => {
      const waits = link.waitingOn === undefined ? "" : `: ${link.waitingOn.message}`;
      lines.push(`${"  ".repeat(depth + 1)}${link.title} (${link.status})${waits}`);
    });
  }
  if (answer.next !== undefined)
    lines.push("", `Next: ${answer.next.event}${answer.next.at === null ? "" : ` at ${answer.next.at}`}`);
  if (answer.actions.length > 0) {
    lines.push("", out.style("bold", "What you can do"));
    for (const { command, does } of answer.actions) lines.push(`  ${command}  ${out.style("dim", does)}`);
  }
  return lines.join("\n");
}
