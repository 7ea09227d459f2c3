import { attentionItem, mergeRequestShape } from "@gastown/protocol";
import type { Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT } from "../cli/failure.ts";
import { cut, table } from "../cli/output.ts";
import { listOf, theTown } from "../cli/target.ts";
import { textOption } from "../cli/values.ts";

export const merges: Run = async (context, _args, options) => {
  const api = await context.api();
  const town = await theTown(context);
  if (options["attention"] === true) return attention(context, town.id);
  const answer = await api.get(listOf(mergeRequestShape), `/api/towns/${town.id}/merges`, {
    state: textOption(options, "state"),
  });
  context.out.result(answer, () =>
    answer.items.length === 0
      ? "Nothing to merge."
      : table(
          ["ID", "STATE", "TARGET", "TITLE", "WHY"],
          answer.items.map((one) => [
            `bead_${one.id.slice(-8).toLowerCase()}`,
            one.state,
            one.target,
            cut(one.title, 50),
            cut(one.failure?.message ?? one.waitingOn?.message ?? "", 60),
          ]),
        ),
  );
  return EXIT.done;
};

async function attention(context: Context, townId: string): Promise<number> {
  const api = await context.api();
  const answer = await api.get(listOf(attentionItem), `/api/towns/${townId}/merges/attention`);
  context.out.result(answer, () =>
    answer.items.length === 0
      ? "Nothing waits for you."
      : table(
          ["ID", "WHY", "TITLE", "WHAT"],
          answer.items.map(({ category, mergeRequest, reason }) => [
            `bead_${mergeRequest.id.slice(-8).toLowerCase()}`,
            category.replace("_", " "),
            cut(mergeRequest.title, 50),
            cut(reason, 70),
          ]),
        ),
  );
  return EXIT.done;
}
