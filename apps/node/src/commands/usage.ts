import { usageAnswer, usageQuery, type BudgetState } from "@gastown/protocol";
import { budgetText, money, tokens } from "./cost-text.ts";
import type { Run } from "../cli/commands.ts";
import { EXIT } from "../cli/failure.ts";
import { table } from "../cli/output.ts";
import { theTown } from "../cli/target.ts";
import { choiceOption, textOption } from "../cli/values.ts";

const GROUPS = usageQuery.shape.groupBy.unwrap().options;

/** `gastown usage`: tokens and money by day (or by what is asked), and the budgets. */
export const usage: Run = async (context, _args, options) => {
  const groupBy = choiceOption(options, "by", GROUPS);
  const api = await context.api();
  const town = await theTown(context);
  const answer = await api.get(usageAnswer, `/api/towns/${town.id}/usage`, {
    groupBy,
    from: textOption(options, "from"),
    to: textOption(options, "to"),
  });
  context.out.result(answer, () => {
    const rows = answer.items.map((one) => [
      named(one.key),
      String(one.sessions),
      tokens(one.tokensIn),
      tokens(one.tokensOut),
      money(one),
    ]);
    const sums =
      rows.length === 0
        ? "No session has used anything yet."
        : table([(groupBy ?? "day").toUpperCase(), "SESSIONS", "IN", "OUT", "COST"], rows);
    return [sums, ...budgetLines(answer.budgets)].join("\n");
  });
  return EXIT.done;
};

function budgetLines(budgets: readonly BudgetState[]): string[] {
  return budgets.length === 0 ? [] : ["", "Budgets:", ...budgets.map((one) => `  ${budgetText(one)}`)];
}

/** Ids as people read them; work without a rig, convoy or bead is the town's own. */
function named(key: string): string {
  if (key === "") return "(town)";
  const id = /^([a-z]+)_[0-9A-Z]{18}([0-9A-Z]{8})$/.exec(key);
  return id ? `${id[1]}_${id[2]?.toLowerCase()}` : key;
}
