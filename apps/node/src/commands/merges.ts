import { mergeRequestShape } from "@gastown/protocol";
import type { Run } from "../cli/commands.ts";
import { EXIT } from "../cli/failure.ts";
import { cut, table } from "../cli/output.ts";
import { listOf, theTown } from "../cli/target.ts";
import { textOption } from "../cli/values.ts";

export const merges: Run = async (context, _args, options) => {
  const api = await context.api();
  const town = await theTown(context);
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
