import { sessionShape, transcriptItem, type TranscriptItem } from "@gastown/protocol";
import { z } from "zod";
import type { Run } from "../cli/commands.ts";
import { EXIT } from "../cli/failure.ts";
import { liveFrames, Topics } from "../cli/live.ts";
import { cut, table } from "../cli/output.ts";
import { listOf, theTown } from "../cli/target.ts";
import { findSession } from "../cli/things.ts";
import { textOption } from "../cli/values.ts";
import { failureText } from "./failure-text.ts";
import { transcriptText } from "./transcript-text.ts";

export const sessionList: Run = async (context, _args, options) => {
  const api = await context.api();
  const town = await theTown(context);
  const answer = await api.get(listOf(sessionShape), `/api/towns/${town.id}/sessions`, {
    live: options["all"] === true ? undefined : true,
  });
  context.out.result(answer, () =>
    answer.items.length === 0
      ? "No sessions."
      : table(
          ["ID", "AGENT", "ROLE", "STATE", "DOES"],
          answer.items.map((one) => [
            `sess_${one.id.slice(-8).toLowerCase()}`,
            one.agentName,
            one.role,
            one.outcome ?? one.state,
            cut(one.waitingOn?.message ?? one.statusText ?? one.reason?.message ?? "", 60),
          ]),
        ),
  );
  return EXIT.done;
};

const page = z.object({ items: z.array(transcriptItem), nextAfter: z.int(), live: z.boolean() });
const PAGE = 1_000;

/** `gastown session logs`: what is stored, and with `-f` what follows, each item once. */
export const sessionLogs: Run = async (context, [ref = ""], options) => {
  const api = await context.api();
  const town = await theTown(context);
  const session = await findSession(context, town.id, ref);
  const show = (item: TranscriptItem): void => {
    const text = transcriptText(item);
    if (context.out.json) context.out.item(item, "");
    else if (text !== "") context.out.item(item, text);
  };
  const follow = options["follow"] === true;
  const stored: TranscriptItem[] = [];
  let after = 0;
  for (;;) {
    const read = await api.get(page, `/api/towns/${town.id}/sessions/${session.id}/transcript`, {
      after,
      limit: PAGE,
    });
    if (follow) read.items.forEach(show);
    else stored.push(...read.items);
    after = read.nextAfter;
    if (read.items.length === PAGE) continue;
    if (!follow || !read.live) break;
    const topic = `session:${session.id}`;
    const topics = new Topics();
    topics.add(topic, after);
    for await (const frame of liveFrames(api, { townId: town.id, signal: context.signal, topics })) {
      if (frame.type !== "transcript" || frame.topic !== topic) continue;
      show(frame.item);
      if (frame.item.type === "end") break;
    }
    break;
  }
  const ended = await api.get(sessionShape, `/api/towns/${town.id}/sessions/${session.id}`);
  const why = failureText(ended).join("\n");
  if (!follow) {
    const { outcome, reason } = ended;
    context.out.result({ items: stored, nextAfter: after, outcome, reason }, () =>
      [...stored.map(transcriptText), why].filter((text) => text !== "").join("\n"),
    );
  } else if (why !== "" && !context.out.json) context.out.note(why);
  return EXIT.done;
};

export const sessionStop: Run = async (context, [ref = ""], options) => {
  const api = await context.api();
  const town = await theTown(context);
  const { id } = await findSession(context, town.id, ref);
  const note = textOption(options, "note");
  const session = await api.post(sessionShape, `/api/towns/${town.id}/sessions/${id}/stop`, {
    mode: options["now"] === true ? "now" : "graceful",
    ...(note === undefined ? {} : { note }),
  });
  context.out.result(session, `${session.agentName} was asked to stop; its work is saved.`);
  return EXIT.done;
};
