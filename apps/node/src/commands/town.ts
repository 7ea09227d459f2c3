import { z } from "zod";
import type { Run } from "../cli/commands.ts";
import { EXIT } from "../cli/failure.ts";
import { table } from "../cli/output.ts";
import { choose, listRigs, listTowns } from "../cli/target.ts";
import { branchesAway } from "./branches-away.ts";

export const townList: Run = async (context) => {
  const towns = await listTowns(await context.api());
  context.out.result({ items: towns }, () =>
    towns.length === 0
      ? "No towns yet. gastown init makes one."
      : table(
          ["NAME", "ID"],
          towns.map((town) => [town.name, town.id]),
        ),
  );
  return EXIT.done;
};

/** The town is named, never guessed: what is deleted does not come back. */
export const townDelete: Run = async (context, [ref = ""], options) => {
  const api = await context.api();
  const town = choose("town", ref, await listTowns(api));
  if (options["branches"] === true)
    for (const rig of await listRigs(api, town.id)) await branchesAway(context, town.id, rig);
  const answer = await api.call(
    z.object({ deleted: z.int() }),
    "DELETE",
    `/api/towns/${town.id}`,
    options["force"] === true ? { query: { force: true } } : {},
  );
  context.out.result(answer, `${town.name} is deleted.`);
  return EXIT.done;
};
