import { basename, resolve } from "node:path";
import { GastownError, townShape } from "@gastown/protocol";
import { z } from "zod";
import type { OptionValues, Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT } from "../cli/failure.ts";
import { git, listTowns, theTown, type TownItem } from "../cli/target.ts";
import { textOption, timeoutOption } from "../cli/values.ts";
import { detectGates } from "./detect-gates.ts";
import { addRig, nameOf } from "./rig.ts";

const CLONE_SECONDS = 600;

/** `gastown init`: a town where there is none, a rig for this repository, its checks as gates. */
export const init: Run = async (context, [path = "."], options) => {
  const top = await repositoryAt(resolve(context.cwd, path));
  const gitUrl = await placeOf(top, options);
  const town = await aTown(context);
  const rig = await addRig(context, town.id, {
    gitUrl,
    name: textOption(options, "name") ?? (nameOf(gitUrl) || basename(top)),
    branch: textOption(options, "branch"),
    timeoutMs: timeoutOption(options, CLONE_SECONDS),
  });
  const gates = detectGates(top);
  if (gates.length > 0) {
    const api = await context.api();
    await api.call(z.unknown(), "PATCH", `/api/towns/${town.id}/rigs/${rig.id}/config`, {
      body: { review: { gates } },
    });
  }
  context.out.result({ town, rig, gates }, () =>
    [
      `Town ${town.name}, rig ${rig.name}: ${rig.gitUrl}, landing on ${rig.defaultBranch}.`,
      gates.length === 0
        ? 'No tests were found: nothing but the review decides what lands. `gastown config set review.gates=["…"] --rig …` adds checks.'
        : `Before anything lands, this must pass: ${gates.join(" · ")}`,
      'Next: `gastown sling "<what to do>"`, or tell the mayor: `gastown mayor "<what you want>"`.',
    ].join("\n"),
  );
  return EXIT.done;
};

async function repositoryAt(path: string): Promise<string> {
  const top = await git(path, "rev-parse", "--show-toplevel");
  if (top === "")
    throw new GastownError(
      "repository_unusable",
      `${path} is not in a git repository. Go into one, or make one with \`git init\` and a first commit.`,
    );
  return top;
}

/** The remote that the current branch follows, else `origin`, else the repository on this disk. */
async function placeOf(top: string, options: OptionValues): Promise<string> {
  if (options["local"] === true) return top;
  const branch = await git(top, "symbolic-ref", "--short", "HEAD");
  const remote = branch === "" ? "" : await git(top, "config", `branch.${branch}.remote`);
  const url = await git(top, "remote", "get-url", remote === "" || remote === "." ? "origin" : remote);
  return url === "" ? top : url;
}

async function aTown(context: Context): Promise<TownItem> {
  const api = await context.api();
  const towns = await listTowns(api);
  if (towns.length > 0 || context.options.town !== undefined) return theTown(context);
  return api.post(townShape.pick({ id: true, name: true }), "/api/users/user_local/towns", { name: "town" });
}
