import { convoyDetail, convoyMode, convoyShape, type ConvoyDetail } from "@gastown/protocol";
import { parse } from "yaml";
import type { z } from "zod";
import type { ApiClient } from "../cli/client.ts";
import type { OptionValues, Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { table } from "../cli/output.ts";
import { listOf, theRig, theTown } from "../cli/target.ts";
import { findConvoy } from "../cli/things.ts";
import { choiceOption, readTextFile, textOption, textOrFile, timeoutOption } from "../cli/values.ts";
import { waitForConvoy } from "../cli/waiting.ts";
import { convoyFile, rigsOf, tasksOf } from "./convoy-file.ts";

/** `gastown convoy sling`: all the tasks of a file, or none of them. */
export const convoySling: Run = async (context, [path = ""], options) => {
  const source = path === "-" ? await textOrFile("-", context.cwd) : readTextFile(path, context.cwd);
  const file = readFile(path, source);
  // Names that mean nothing are told before anything is asked.
  tasksOf(file);
  const timeoutMs = timeoutOption(options);
  const mode = choiceOption(options, "mode", convoyMode.options) ?? file.mode;
  const api = await context.api();
  const town = await theTown(context);
  const rig = await theRig(context, town.id, context.options.rig ?? file.rig ?? file.tasks[0]?.rig);
  const rigIds = new Map<string, string>();
  for (const name of rigsOf(file)) rigIds.set(name, (await theRig(context, town.id, name)).id);
  const convoy = await api.post(convoyDetail, `/api/towns/${town.id}/convoys`, {
    title: file.title,
    rigId: rig.id,
    tasks: tasksOf(file, rigIds),
    staged: options["stage"] === true || file.staged === true,
    ...(mode === undefined ? {} : { mode }),
    ...(options["parallel"] === true || file.parallel === true ? { parallel: true } : {}),
  });
  return show(context, api, town.id, convoy, options, timeoutMs);
};

function readFile(path: string, source: string): z.infer<typeof convoyFile> {
  let value: unknown;
  try {
    value = parse(source);
  } catch (error) {
    throw usageError(
      `${path} is not YAML: ${error instanceof Error ? error.message.split("\n")[0] : "unreadable"}.`,
    );
  }
  const result = convoyFile.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw usageError(
    `${path}: ${issue?.path.join(".") || "the file"}: ${issue?.message ?? "not valid"}. It needs a title and a list of tasks.`,
  );
}

export const convoyStart: Run = async (context, [ref = ""], options) => {
  const timeoutMs = timeoutOption(options);
  const api = await context.api();
  const town = await theTown(context);
  const { id } = await findConvoy(context, town.id, ref);
  const convoy = await api.post(convoyDetail, `/api/towns/${town.id}/convoys/${id}/start`);
  return show(context, api, town.id, convoy, options, timeoutMs);
};

async function show(
  context: Context,
  api: ApiClient,
  townId: string,
  convoy: ConvoyDetail,
  options: OptionValues,
  timeoutMs: number | undefined,
): Promise<number> {
  if (options["wait"] !== true || convoy.state === "staged") {
    context.out.result(convoy, () => describe(context, convoy));
    return EXIT.done;
  }
  context.out.note(`${describe(context, convoy)}\nWaiting until it has landed.`);
  const landed = await waitForConvoy(context, api, townId, convoy.id, timeoutMs);
  context.out.result(landed, `${landed.shortId} has landed: ${landed.title}`);
  return EXIT.done;
}

export const convoyStatus: Run = async (context, [ref = ""]) => {
  const api = await context.api();
  const town = await theTown(context);
  const { id } = await findConvoy(context, town.id, ref);
  const convoy = await api.get(convoyDetail, `/api/towns/${town.id}/convoys/${id}`);
  context.out.result(convoy, () => describe(context, convoy));
  return EXIT.done;
};

function describe({ out }: Context, convoy: ConvoyDetail): string {
  const { total, closed } = convoy.progress;
  const lines = [
    `${out.style("bold", convoy.title)}  ${convoy.shortId}, ${convoy.state}, ${closed} of ${total} done`,
  ];
  for (const [index, wave] of convoy.waves.entries())
    for (const id of wave) {
      const node = convoy.nodes.find((one) => one.beadId === id);
      if (node === undefined) continue;
      const who = node.assigneeName === undefined ? "" : ` · ${node.assigneeName}`;
      const why = node.waitingOn === undefined ? "" : ` · ${node.waitingOn.message}`;
      lines.push(`  ${index + 1}. ${node.title}  ${out.style("dim", `${node.status}${who}${why}`)}`);
    }
  if (convoy.state === "staged")
    lines.push(`It is staged: \`gastown convoy start ${convoy.shortId}\` begins it.`);
  return lines.join("\n");
}

export const convoyList: Run = async (context, _args, options) => {
  const api = await context.api();
  const town = await theTown(context);
  const answer = await api.get(listOf(convoyShape), `/api/towns/${town.id}/convoys`, {
    state: textOption(options, "state"),
  });
  context.out.result(answer, () =>
    answer.items.length === 0
      ? "No convoys."
      : table(
          ["ID", "STATE", "DONE", "TITLE"],
          answer.items.map((one) => [
            one.shortId,
            one.state,
            `${one.progress.closed + one.progress.waived}/${one.progress.total}`,
            one.title,
          ]),
        ),
  );
  return EXIT.done;
};
