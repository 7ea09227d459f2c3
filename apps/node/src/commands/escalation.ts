import { escalationShape, type Escalation } from "@gastown/protocol";
import type { Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { listOf, theTown } from "../cli/target.ts";
import { findEscalation } from "../cli/things.ts";
import { textOption } from "../cli/values.ts";

export const escalations: Run = async (context, _args, options) => {
  const api = await context.api();
  const town = await theTown(context);
  const answer = await api.get(listOf(escalationShape), `/api/towns/${town.id}/escalations`, {
    open: options["all"] === true ? undefined : true,
  });
  context.out.result(answer, () =>
    answer.items.length === 0
      ? "Nothing needs you."
      : answer.items.map((one) => describe(context, one)).join("\n\n"),
  );
  return EXIT.done;
};

function describe({ out }: Context, one: Escalation): string {
  const short = `esc_${one.id.slice(-8).toLowerCase()}`;
  const lines = [
    `${out.style("bold", one.title)}  ${out.style("dim", `${short}, ${one.severity}, ${one.category}`)}`,
  ];
  if (one.body !== "") lines.push(`  ${one.body.replaceAll("\n", "\n  ")}`);
  if (one.open)
    for (const choice of one.choices)
      lines.push(`  gastown escalation resolve ${short} ${choice.id}   ${choice.label}`);
  else lines.push(`  resolved: ${one.resolution?.choice ?? one.resolution?.answer ?? "closed"}`);
  return lines.join("\n");
}

export const escalationResolve: Run = async (context, [ref = "", choice], options) => {
  const answer = textOption(options, "answer");
  if (choice === undefined && answer === undefined)
    throw usageError("Give one of the choices that `gastown escalations` lists, or --answer <text>.");
  const api = await context.api();
  const town = await theTown(context);
  const { id } = await findEscalation(context, town.id, ref);
  const resolved = await api.post(escalationShape, `/api/towns/${town.id}/escalations/${id}/resolve`, {
    ...(choice === undefined ? {} : { choice }),
    ...(answer === undefined ? {} : { answer }),
  });
  context.out.result(resolved, `Resolved: ${resolved.title}`);
  return EXIT.done;
};

export const escalationAck: Run = async (context, [ref = ""]) => {
  const api = await context.api();
  const town = await theTown(context);
  const { id } = await findEscalation(context, town.id, ref);
  const seen = await api.post(escalationShape, `/api/towns/${town.id}/escalations/${id}/acknowledge`);
  context.out.result(seen, `Acknowledged: ${seen.title}`);
  return EXIT.done;
};
