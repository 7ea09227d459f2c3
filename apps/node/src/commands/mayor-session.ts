/** What can be asked of the mayor's session, besides talking to it (spec/api.md §3.10). */
import { mayorShape, modelApplied, queuedMessage } from "@gastown/protocol";
import { z } from "zod";
import type { ApiClient } from "../cli/client.ts";
import type { OptionValues } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { usageError } from "../cli/failure.ts";
import { cut, table } from "../cli/output.ts";
import { listOf } from "../cli/target.ts";
import { textOption } from "../cli/values.ts";

type Ask = (context: Context, api: ApiClient, mayor: string, options: OptionValues) => Promise<void>;

const ensured = z.object({
  agentId: z.string().nullable(),
  sessionId: z.string().nullable(),
  sessionStatus: mayorShape.shape.status,
  reason: z.string().optional(),
  action: z.string().optional(),
});

const status: Ask = async ({ out }, api, mayor) => {
  const now = await api.get(mayorShape, mayor);
  const why = [now.reason, now.action].filter((part) => part !== undefined).join(" ");
  out.result(
    now,
    [
      `The mayor is ${now.status}; runtime ${now.runtime}, model ${now.model ?? "of the runtime's own choice"}.`,
      ...(now.queued === 0 ? [] : [`${now.queued} messages wait: \`gastown mayor --queue\`.`]),
      ...(why === "" ? [] : [why]),
    ].join("\n"),
  );
};

const ensure: Ask = async ({ out }, api, mayor) => {
  const answer = await api.post(ensured, `${mayor}/ensure`);
  const why = [answer.reason, answer.action].filter((part) => part !== undefined).join(" ");
  out.result(answer, `The mayor is ${answer.sessionStatus}.${why === "" ? "" : ` ${why}`}`);
};

const interrupt: Ask = async ({ out }, api, mayor) => {
  out.result(await api.post(ensured, `${mayor}/interrupt`), "The mayor's turn ends; what waits goes on.");
};

const stop: Ask = async ({ out }, api, mayor, options) => {
  const newConversation = options["new"] === true;
  const answer = await api.post(ensured, `${mayor}/stop`, { newConversation });
  out.result(
    answer,
    newConversation
      ? "The mayor's session ends; your next message begins a new conversation."
      : "The mayor's session ends; your next message goes on with the conversation.",
  );
};

const queue: Ask = async ({ out }, api, mayor) => {
  const answer = await api.get(listOf(queuedMessage), `${mayor}/queue`);
  out.result(answer, () =>
    answer.items.length === 0
      ? "No message waits."
      : table(
          ["#", "ID", "FROM", "MESSAGE"],
          answer.items.map((one) => [String(one.position), one.id, one.from.name, cut(one.message, 70)]),
        ),
  );
};

const takeBack: Ask = async ({ out }, api, mayor, options) => {
  const id = textOption(options, "takeBack") ?? "";
  const gone = z.object({ deleted: z.literal(true) });
  const path = `${mayor}/queue/${encodeURIComponent(id)}`;
  out.result(await api.call(gone, "DELETE", path), "The message is taken back.");
};

const APPLIED = {
  live: "it holds from the mayor's next request to the model on",
  restarted: "it holds from the next turn on, with the conversation kept",
  next_start: "it holds when the mayor starts next",
};

const model: Ask = async ({ out }, api, mayor, options) => {
  const wanted = textOption(options, "model") ?? "";
  const body = { model: wanted, ...(options["persist"] === true ? { persist: true } : {}) };
  const answer = await api.call(modelApplied, "PATCH", `${mayor}/model`, { body });
  out.result(answer, `The mayor's model is ${wanted}: ${APPLIED[answer.applied]}.`);
};

const ASKS: Record<string, Ask> = { status, ensure, interrupt, stop, queue, takeBack, model };

/** The one thing that the options ask for, or null where a message is meant. */
export function sessionRequest(
  options: OptionValues,
  message: string | undefined,
): ((context: Context, api: ApiClient, townId: string) => Promise<void>) | null {
  const asked = Object.entries(ASKS).filter(([name]) => options[name] !== undefined);
  const [first, second] = asked;
  if (first === undefined) {
    if (options["new"] === true) throw usageError("--new goes with --stop.");
    if (options["persist"] === true) throw usageError("--persist goes with --model.");
    return null;
  }
  if (second !== undefined) throw usageError(`One thing at a time: --${first[0]} or --${second[0]}.`);
  if (message !== undefined) throw usageError(`A message and --${first[0]} do not go together.`);
  const [, ask] = first;
  return (context, api, townId) => ask(context, api, `/api/towns/${townId}/mayor`, options);
}
