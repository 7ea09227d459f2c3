import { townStatus } from "@gastown/protocol";
import type { Run } from "../cli/commands.ts";
import { EXIT } from "../cli/failure.ts";
import { liveFrames } from "../cli/live.ts";
import { theTown } from "../cli/target.ts";
import { statusText } from "./status-text.ts";

const CLEAR = "\u001B[H\u001B[2J\u001B[3J";
const RECENT = 10;

/**
 * `gastown watch`: the status screen, drawn again at every change; without a terminal one line per
 * event (with `--json` every frame).
 */
export const watch: Run = async (context) => {
  const api = await context.api();
  const town = await theTown(context);
  const { out } = context;
  const recent: string[] = [];
  let drawn = "";
  const draw = async (): Promise<void> => {
    const value = await api.get(townStatus, `/api/towns/${town.id}/status`);
    const text = [statusText(out, value), "", out.style("dim", "Ctrl-C ends this view."), ...recent].join(
      "\n",
    );
    if (text !== drawn) out.piece(`${CLEAR}${text}\n`);
    drawn = text;
  };
  for await (const frame of liveFrames(api, { townId: town.id, signal: context.signal })) {
    if (out.json) {
      out.item(frame, "");
      continue;
    }
    if (frame.type === "event") {
      const line = `${frame.entry.at.slice(11, 19)}  ${frame.entry.text}`;
      if (!out.terminal) out.item(frame, line);
      recent.push(line);
      recent.splice(0, recent.length - RECENT);
    }
    if (out.terminal && ["snapshot", "status", "event"].includes(frame.type)) await draw();
  }
  return EXIT.done;
};
