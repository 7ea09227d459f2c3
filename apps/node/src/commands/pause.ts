import { z } from "zod";
import type { Run } from "../cli/commands.ts";
import { EXIT } from "../cli/failure.ts";
import { theTown } from "../cli/target.ts";
import { textOption } from "../cli/values.ts";

const townAnswer = z.object({ id: z.string(), name: z.string(), paused: z.boolean() });

/** `gastown pause`: nothing new starts; with `--stop` what runs is stopped too, its work saved. */
export const pause: Run = async (context, _args, options) => {
  const api = await context.api();
  const town = await theTown(context);
  const reason = textOption(options, "reason");
  const stop = options["stop"] === true;
  const answer = await api.post(townAnswer, `/api/towns/${town.id}/pause`, {
    ...(reason === undefined ? {} : { reason }),
    ...(stop ? { stopSessions: true } : {}),
  });
  context.out.result(
    answer,
    `${answer.name} is paused${stop ? "; its sessions are stopped and their work is saved" : ""}. gastown resume goes on.`,
  );
  return EXIT.done;
};

export const resume: Run = async (context) => {
  const api = await context.api();
  const town = await theTown(context);
  const answer = await api.post(townAnswer, `/api/towns/${town.id}/resume`);
  context.out.result(answer, `${answer.name} goes on.`);
  return EXIT.done;
};
