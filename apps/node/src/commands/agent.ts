import { agentShape } from "@gastown/protocol";
import { z } from "zod";
import type { Run } from "../cli/commands.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { cut, table } from "../cli/output.ts";
import { listOf, theTown } from "../cli/target.ts";
import { findAgent } from "../cli/things.ts";
import { textOption } from "../cli/values.ts";

export const agents: Run = async (context) => {
  const api = await context.api();
  const town = await theTown(context);
  const answer = await api.get(listOf(agentShape), `/api/towns/${town.id}/agents`);
  context.out.result(answer, () =>
    answer.items.length === 0
      ? "No agents yet. They come with the first work: gastown sling <title>."
      : table(
          ["NAME", "ROLE", "STATUS", "BEAD", "SAYS"],
          answer.items.map((one) => [
            one.name,
            one.role,
            one.status,
            one.beadId === null ? "" : `bead_${one.beadId.slice(-8).toLowerCase()}`,
            cut(one.message?.text ?? "", 60),
          ]),
        ),
  );
  return EXIT.done;
};

export const nudge: Run = async (context, [ref = "", text = ""], options) => {
  if (options["now"] === true && options["queue"] === true)
    throw usageError("--now interrupts and --queue waits: give one of them.");
  const ttl = textOption(options, "ttl");
  if (ttl !== undefined && !/^\d+$/.test(ttl)) throw usageError("--ttl is a number of seconds.");
  const api = await context.api();
  const town = await theTown(context);
  const agent = await findAgent(context, town.id, ref);
  const answer = await api.post(
    z.object({ nudgeId: z.string() }),
    `/api/towns/${town.id}/agents/${agent.id}/nudge`,
    {
      message: text,
      mode: options["now"] === true ? "now" : options["queue"] === true ? "queue" : "when_idle",
      ...(options["urgent"] === true ? { urgent: true } : {}),
      ...(ttl === undefined ? {} : { ttlSeconds: Number(ttl) }),
    },
  );
  context.out.result(
    answer,
    `${agent.name} will see it${options["now"] === true ? " now" : " when its turn ends"}.`,
  );
  return EXIT.done;
};

export const agentReset: Run = async (context, [ref = ""]) => {
  const api = await context.api();
  const town = await theTown(context);
  const { id } = await findAgent(context, town.id, ref);
  const agent = await api.post(agentShape, `/api/towns/${town.id}/agents/${id}/reset`);
  context.out.result(agent, `${agent.name} is reset; its work is saved.`);
  return EXIT.done;
};

export const agentDelete: Run = async (context, [ref = ""]) => {
  const api = await context.api();
  const town = await theTown(context);
  const agent = await findAgent(context, town.id, ref);
  const answer = await api.call(
    z.object({ deleted: z.int() }),
    "DELETE",
    `/api/towns/${town.id}/agents/${agent.id}`,
  );
  context.out.result(answer, `${agent.name} is forgotten.`);
  return EXIT.done;
};
