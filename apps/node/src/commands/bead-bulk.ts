/** One command for many beads, and how many there are. */
import { beadStatus, bulkAction, bulkAnswer, countsAnswer, countsBy, priority } from "@gastown/protocol";
import type { OptionValues, Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { table } from "../cli/output.ts";
import { theRig, theTown } from "../cli/target.ts";
import { findBead, findConvoy } from "../cli/things.ts";
import { choiceOption, listOption, textOption } from "../cli/values.ts";

const LISTED = 20;

/** What `--status`, `--with-label` and so on mean; undefined where none was given. */
async function filterOf(
  context: Context,
  townId: string,
  options: OptionValues,
): Promise<Record<string, unknown> | undefined> {
  const status = choiceOption(options, "status", beadStatus.options);
  const urgency = choiceOption(options, "priority", priority.options);
  const convoy = textOption(options, "convoy");
  const labels = listOption(options, "withLabel");
  const filter = {
    ...(status === undefined ? {} : { status: [status] }),
    ...(urgency === undefined ? {} : { priority: [urgency] }),
    ...(labels.length === 0 ? {} : { label: labels }),
    ...(options["held"] === true ? { held: true } : {}),
    ...(convoy === undefined ? {} : { convoyId: (await findConvoy(context, townId, convoy)).id }),
    ...(context.options.rig === undefined ? {} : { rigId: (await theRig(context, townId)).id }),
  };
  return Object.keys(filter).length === 0 ? undefined : filter;
}

export const beadBulk: Run = async (context, [given = "", ...refs], options) => {
  const action = bulkAction.options.find((one) => one === given);
  if (action === undefined) throw usageError(`"${given}" is none of ${bulkAction.options.join(", ")}.`);
  const api = await context.api();
  const town = await theTown(context);
  const filter = refs.length > 0 ? undefined : await filterOf(context, town.id, options);
  if (refs.length === 0 && filter === undefined)
    throw usageError(
      "Name beads, or say which: --status, --with-label, --held, --convoy, --rig, --priority.",
    );
  const beadIds = await Promise.all(refs.map(async (ref) => (await findBead(context, town.id, ref)).id));
  const labels = listOption(options, "label");
  const confirm = textOption(options, "confirm");
  const answer = await api.post(bulkAnswer, `/api/towns/${town.id}/beads/bulk`, {
    action,
    ...(filter === undefined ? { beadIds } : { filter }),
    ...(textOption(options, "note") === undefined ? {} : { note: textOption(options, "note") }),
    ...(labels.length === 0 ? {} : { labels }),
    ...(options["dryRun"] === true ? { dryRun: true } : {}),
    ...(confirm === undefined ? {} : { confirm: Number(confirm) }),
  });
  const refused = answer.results.filter(({ ok }) => !ok);
  context.out.result(answer, () =>
    [
      `${options["dryRun"] === true ? "Would change" : "Changed"} ${answer.done} of ${answer.matched}.`,
      ...refused.slice(0, LISTED).map(({ message = "" }) => `  ${message}`),
      ...(refused.length > LISTED ? [`  and ${refused.length - LISTED} more that cannot be`] : []),
    ].join("\n"),
  );
  return refused.length === 0 ? EXIT.done : EXIT.failed;
};

export const beadCounts: Run = async (context, _args, options) => {
  const api = await context.api();
  const town = await theTown(context);
  const answer = await api.get(countsAnswer, `/api/towns/${town.id}/beads/counts`, {
    groupBy: choiceOption(options, "by", countsBy.options) ?? "column",
  });
  context.out.result(answer, () =>
    table(
      ["WHAT", "BEADS", "OLDEST SINCE"],
      answer.items.map(({ key, count, oldestSince }) => [key, String(count), oldestSince]),
    ),
  );
  return EXIT.done;
};
