import { beadShape, priority, type Bead } from "@gastown/protocol";
import { z } from "zod";
import type { OptionValues, Run } from "../cli/commands.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { findBead } from "../cli/things.ts";
import { theRig, theTown } from "../cli/target.ts";
import { choiceOption, listOption, textOption, textOrFile, timeoutOption } from "../cli/values.ts";
import { waitForBead } from "../cli/waiting.ts";

/** `beads.sling` answers `{bead}`, `beads.create` the bead itself. */
const made = z.union([z.object({ bead: beadShape }).transform(({ bead }) => bead), beadShape]);

/** `gastown sling`: one bead, worked on as soon as an agent is free. */
export const sling: Run = async (context, [title = ""], options) => {
  if (title.trim() === "") throw usageError("The title is empty. Say in a few words what is to be done.");
  const api = await context.api();
  const town = await theTown(context);
  const rig = await theRig(context, town.id);
  const bodyText = textOption(options, "body");
  const after = await Promise.all(listOption(options, "after").map((ref) => findBead(context, town.id, ref)));
  const level = choiceOption(options, "priority", priority.options);
  const [model, runtime] = [textOption(options, "model"), textOption(options, "runtime")];
  const request = {
    title,
    ...(bodyText === undefined ? {} : { body: await textOrFile(bodyText, context.cwd) }),
    ...(level === undefined ? {} : { priority: level }),
    ...(listOption(options, "label").length === 0 ? {} : { labels: listOption(options, "label") }),
    ...(after.length === 0 ? {} : { dependsOn: after.map((bead) => bead.id) }),
    ...(model === undefined ? {} : { model }),
    ...(runtime === undefined ? {} : { runtime }),
    ...formulaOf(options),
  };
  const held = options["hold"] === true;
  const timeoutMs = timeoutOption(options);
  const path = `/api/towns/${town.id}/rigs/${rig.id}/${held ? "beads" : "sling"}`;
  const bead: Bead = await api.post(made, path, held ? { ...request, start: false } : request);
  if (options["wait"] === true) {
    context.out.note(`Made ${bead.shortId}; waiting until it is done.`);
    const done = await waitForBead(context, api, town.id, bead.id, timeoutMs);
    context.out.result(done, `${done.shortId} is done: ${done.reason}.`);
    return EXIT.done;
  }
  context.out.result(
    bead,
    `${bead.shortId} ${held ? "is held: `gastown bead start` releases it" : "is in the queue"}: ${bead.title}`,
  );
  return EXIT.done;
};

/** `--formula release --var version=1.2`. */
function formulaOf(options: OptionValues): { formula?: string; vars?: Record<string, string> } {
  const formula = textOption(options, "formula");
  const given = listOption(options, "var");
  if (formula === undefined) {
    if (given.length > 0) throw usageError("--var gives a value to a formula: name one with --formula.");
    return {};
  }
  const pairs = given.map((one): [string, string] => {
    const cut = one.indexOf("=");
    if (cut < 1) throw usageError(`--var wants name=value, not "${one}".`);
    return [one.slice(0, cut), one.slice(cut + 1)];
  });
  return { formula, ...(pairs.length === 0 ? {} : { vars: Object.fromEntries(pairs) }) };
}
