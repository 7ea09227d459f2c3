import { logShape } from "@gastown/protocol";
import type { Run } from "../cli/commands.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { theTown } from "../cli/target.ts";
import { textOption } from "../cli/values.ts";

const PAGE = 5_000;

export const log: Run = async (context, [id = ""], options) => {
  const { out } = context;
  const api = await context.api();
  const town = await theTown(context);
  const path = `/api/towns/${town.id}/logs/${id}`;
  const tail = tailOf(textOption(options, "tail"));
  const search = textOption(options, "search");
  const lines: string[] = [];
  for (let from = 0; ;) {
    const range = tail === undefined ? { from, lines: PAGE } : { tail };
    const page = await api.get(logShape, path, { ...range, q: search });
    lines.push(...page.lines);
    from = page.from + page.lines.length;
    if (tail === undefined && from < page.total && page.lines.length > 0) continue;
    const first = tail === undefined ? 0 : page.from;
    out.result({ ...page, from: first, lines }, lines.join("\n"));
    if (page.missing === true) out.note("The complete log is out of reach; this is its end.");
    return EXIT.done;
  }
};

function tailOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const tail = Number(text);
  if (Number.isInteger(tail) && tail > 0 && tail <= PAGE) return tail;
  throw usageError(`--tail wants a number of lines up to ${PAGE}, not "${text}".`);
}
