import { diffShape, type Diff } from "@gastown/protocol";
import type { OptionValues, Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { table } from "../cli/output.ts";
import { theTown } from "../cli/target.ts";
import { findBead, findSession } from "../cli/things.ts";
import { textOption } from "../cli/values.ts";

/** By the id of a merge request or of the bead whose work it is. */
export const mergeDiff: Run = async (context, [ref = ""], options) => {
  const town = await theTown(context);
  const bead = await findBead(context, town.id, ref);
  const range = await rangeOf(context, town.id, options);
  return show(context, `/api/towns/${town.id}/beads/${bead.id}/diff`, { range }, options);
};

export const sessionDiff: Run = async (context, [ref = ""], options) => {
  const town = await theTown(context);
  const session = await findSession(context, town.id, ref);
  return show(context, `/api/towns/${town.id}/sessions/${session.id}/diff`, {}, options);
};

async function rangeOf(context: Context, townId: string, options: OptionValues): Promise<string> {
  const session = textOption(options, "session");
  if (session === undefined) return options["sinceReview"] === true ? "since_review" : "branch";
  if (options["sinceReview"] === true) throw usageError("--session and --since-review exclude each other.");
  return `session:${(await findSession(context, townId, session)).id}`;
}

type Query = Record<string, string>;

async function show(context: Context, path: string, query: Query, options: OptionValues): Promise<number> {
  const { out } = context;
  if (out.json || options["stat"] === true) {
    const diff = await everyFile(context, path, query);
    out.result(diff, () => statText(diff));
    return EXIT.done;
  }
  const api = await context.api();
  const { body, headers } = await api.text(path, query);
  const decoder = new TextDecoder();
  for await (const chunk of body) out.piece(decoder.decode(chunk, { stream: true }));
  if (headers.get("x-truncated") === "true") out.note("It is longer; only its first 16 MiB are shown.");
  return EXIT.done;
}

async function everyFile(context: Context, path: string, query: Query): Promise<Diff> {
  const api = await context.api();
  let diff = await api.get(diffShape, path, query);
  while (diff.nextCursor !== null) {
    const next = await api.get(diffShape, path, { ...query, cursor: diff.nextCursor });
    diff = { ...next, items: [...diff.items, ...next.items] };
  }
  return diff;
}

function statText({ stat, items }: Diff): string {
  if (items.length === 0) return "Nothing is changed.";
  const rows = items.map((file) => [
    file.oldPath === undefined ? file.path : `${file.oldPath} → ${file.path}`,
    file.status.replace("_", " "),
    file.binary ? "binary" : `+${file.additions} −${file.deletions}`,
  ]);
  const files = stat.files === 1 ? "1 file" : `${stat.files} files`;
  return `${table(["FILE", "", ""], rows)}\n${files}, +${stat.additions} −${stat.deletions}`;
}
