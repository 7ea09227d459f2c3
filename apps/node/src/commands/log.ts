import { GastownError, logShape, type Session } from "@gastown/protocol";
import type { z } from "zod";
import type { ApiClient } from "../cli/client.ts";
import type { Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { liveFrames, Topics } from "../cli/live.ts";
import { theTown } from "../cli/target.ts";
import { findSession } from "../cli/things.ts";
import { textOption } from "../cli/values.ts";

const PAGE = 5_000;
const LOG = /^log_/i;

interface Wanted {
  readonly townId: string;
  readonly id: string;
  readonly tail: number | undefined;
  readonly search: string | undefined;
}

/** `gastown log`: what is stored of it, and with `-f` what is added. */
export const log: Run = async (context, [ref = ""], options) => {
  const { out } = context;
  const api = await context.api();
  const { id: townId } = await theTown(context);
  const tail = tailOf(textOption(options, "tail"));
  const search = textOption(options, "search");
  const follow = options["follow"] === true;
  if (follow && search !== undefined) throw usageError("--search and --follow do not go together.");
  const id = LOG.test(ref) ? ref : logOf(await findSession(context, townId, ref), options["setup"] === true);
  const page = await read(api, { townId, id, tail, search });
  if (!follow) out.result(page, page.lines.join("\n"));
  else if (page.lines.length > 0) out.item({ from: page.from, lines: page.lines }, page.lines.join("\n"));
  if (page.missing === true) out.note("The complete log is out of reach; this is its end.");
  if (follow && !page.done) await goOn(context, api, { townId, id, after: page.total });
  return EXIT.done;
};

async function read(api: ApiClient, { townId, id, tail, search }: Wanted): Promise<z.infer<typeof logShape>> {
  const path = `/api/towns/${townId}/logs/${id}`;
  const lines: string[] = [];
  for (let from = 0; ;) {
    const range = tail === undefined ? { from, lines: PAGE } : { tail };
    const page = await api.get(logShape, path, { ...range, q: search });
    lines.push(...page.lines);
    from = page.from + page.lines.length;
    if (tail === undefined && from < page.total && page.lines.length > 0) continue;
    return { ...page, from: tail === undefined ? 0 : page.from, lines };
  }
}

/** As it is written, until nothing is added any more. */
async function goOn(
  context: Context,
  api: ApiClient,
  { townId, id, after }: { townId: string; id: string; after: number },
): Promise<void> {
  const topic = `log:${id}`;
  const topics = new Topics();
  topics.add(topic, after);
  for await (const frame of liveFrames(api, { townId, signal: context.signal, topics })) {
    if (frame.type === "refused" && frame.topic === topic)
      throw new GastownError(
        "not_found",
        `The log ${id} cannot be read on (${frame.code}): its runner is gone.`,
      );
    if (frame.type !== "log" || frame.topic !== topic) continue;
    const { from, lines } = frame;
    if (lines.length > 0) context.out.item({ from, lines }, lines.join("\n"));
    if (frame.done) return;
  }
}

/** The newest of that kind. */
function logOf({ id, logs }: Session, isSetup: boolean): string {
  const kind = isSetup ? "setup" : "stderr";
  const found = logs.findLast((one) => one.kind === kind);
  if (found !== undefined) return found.logId;
  const why = isSetup
    ? "no setup commands have run for it"
    : "its agent has written nothing to stderr so far";
  throw new GastownError("not_found", `There is no log of session ${id}: ${why}.`);
}

function tailOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const tail = Number(text);
  if (Number.isInteger(tail) && tail > 0 && tail <= PAGE) return tail;
  throw usageError(`--tail wants a number of lines up to ${PAGE}, not "${text}".`);
}
