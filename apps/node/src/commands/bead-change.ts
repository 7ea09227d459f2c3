import { beadShape, priority } from "@gastown/protocol";
import { z } from "zod";
import type { Run } from "../cli/commands.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { theTown } from "../cli/target.ts";
import { findAgent, findBead } from "../cli/things.ts";
import { choiceOption, listOption, textOption, textOrFile } from "../cli/values.ts";

export const beadEdit: Run = async (context, [ref = ""], options) => {
  const api = await context.api();
  const town = await theTown(context);
  const { id } = await findBead(context, town.id, ref);
  const title = textOption(options, "title");
  const body = textOption(options, "body");
  const urgency = choiceOption(options, "priority", priority.options);
  const labels = listOption(options, "label");
  const [model, runtime] = [textOption(options, "model"), textOption(options, "runtime")];
  const after = listOption(options, "after");
  const nothing = options["afterNothing"] === true;
  if (nothing && after.length > 0) throw usageError("Give --after or --after-nothing, not both.");
  const dependsOn = await Promise.all(after.map(async (one) => (await findBead(context, town.id, one)).id));
  const change = {
    ...(title === undefined ? {} : { title }),
    ...(body === undefined ? {} : { body: await textOrFile(body, context.cwd) }),
    ...(urgency === undefined ? {} : { priority: urgency }),
    ...(labels.length === 0 ? {} : { labels }),
    ...(nothing || dependsOn.length > 0 ? { dependsOn } : {}),
    ...(model === undefined ? {} : { model: orUsual(model) }),
    ...(runtime === undefined ? {} : { runtime: orUsual(runtime) }),
  };
  if (Object.keys(change).length === 0)
    throw usageError("Say what to change: --title, --body, --priority, …");
  const bead = await api.call(beadShape, "PATCH", `/api/towns/${town.id}/beads/${id}`, { body: change });
  context.out.result(bead, `Changed: ${bead.title}`);
  return EXIT.done;
};

/** `default` gives a bead back what the settings say. */
const orUsual = (value: string): string | null => (value === "default" ? null : value);

export const beadReassign: Run = async (context, [ref = ""], options) => {
  const api = await context.api();
  const town = await theTown(context);
  const { id } = await findBead(context, town.id, ref);
  const agent = async (name: string): Promise<string | undefined> => {
    const given = textOption(options, name);
    return given === undefined ? undefined : (await findAgent(context, town.id, given)).id;
  };
  const [agentId, avoidAgentId] = [await agent("to"), await agent("not")];
  const bead = await api.post(beadShape, `/api/towns/${town.id}/beads/${id}/reassign`, {
    ...(agentId === undefined ? {} : { agentId }),
    ...(avoidAgentId === undefined ? {} : { avoidAgentId }),
  });
  context.out.result(bead, `${bead.title} goes to another agent; what was done is saved.`);
  return EXIT.done;
};

export const beadDelete: Run = async (context, [ref = ""], options) => {
  const api = await context.api();
  const town = await theTown(context);
  const bead = await findBead(context, town.id, ref);
  const answer = await api.call(
    z.object({ deleted: z.int() }),
    "DELETE",
    `/api/towns/${town.id}/beads/${bead.id}`,
    options["force"] === true ? { query: { force: true } } : {},
  );
  context.out.result(answer, `${bead.title} is forgotten; its branch stays.`);
  return EXIT.done;
};
