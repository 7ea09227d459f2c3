import { feedEntry, type FeedEntry } from "@gastown/protocol";
import { z } from "zod";
import type { Run } from "../cli/commands.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { liveFrames } from "../cli/live.ts";
import { theTown } from "../cli/target.ts";
import { textOption } from "../cli/values.ts";

const answerShape = z.object({ items: z.array(feedEntry) });

/** `gastown events`: the newest, oldest first; with `-f` what follows, none missing. */
export const events: Run = async (context, _args, options) => {
  const limit = Number(textOption(options, "limit") ?? 50);
  if (!Number.isInteger(limit) || limit < 1 || limit > 200)
    throw usageError("--limit is a whole number from 1 to 200.");
  const kind = textOption(options, "kind");
  const api = await context.api();
  const town = await theTown(context);
  const read = await api.get(answerShape, `/api/towns/${town.id}/events`, { limit, kind });
  const items = read.items.toSorted((a, b) => a.seq - b.seq);
  if (options["follow"] !== true) {
    context.out.result({ items }, () => items.map(line).join("\n"));
    return EXIT.done;
  }
  for (const entry of items) context.out.item(entry, line(entry));
  const after = items.at(-1)?.seq;
  const frames = liveFrames(api, {
    townId: town.id,
    signal: context.signal,
    // With a filter the newest of all may be later: begin from now instead.
    ...(after === undefined || kind !== undefined ? {} : { after }),
  });
  for await (const frame of frames)
    if (frame.type === "event" && (kind === undefined || frame.entry.kind.startsWith(kind)))
      context.out.item(frame.entry, line(frame.entry));
  return EXIT.done;
};

function line(entry: FeedEntry): string {
  return `${entry.at.slice(0, 19).replace("T", " ")}  ${entry.kind.padEnd(24)} ${entry.text}`;
}
