/** Stored logs (spec/api.md §3.8): the runner's file, else the end of it that the town keeps. */
import { GastownError, idSchema, limits, LOG_LIVE_HEADER, logShape } from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { whole } from "../http/query.ts";
import type { ServerPorts } from "../ports.ts";
import { askRunner } from "../runner/ask.ts";
import type { TownActor } from "../towns/actor.ts";
import { logPage } from "./log-page.ts";
import { TEXT, wantsText } from "./text.ts";

const MAX_LINES = 5_000;
const number = whole(0, 100_000_000).optional();
const logId = idSchema("log");

export function logRoutes(on: Endpoints, ports: ServerPorts): void {
  on.view(
    {
      method: "get",
      path: "/api/towns/{townId}/logs/{logId}",
      operation: "logs.get",
      summary:
        "A log of a gate, of setup commands or of an agent's stderr; with Accept: text/plain the whole file.",
      who: "viewer",
      query: z.strictObject({
        from: number,
        lines: whole(1, MAX_LINES).optional(),
        tail: whole(1, MAX_LINES).optional(),
        q: limits.text(1, 200).optional(),
      }),
      answer: logShape,
    },
    async ({ town, params, query, c }) => {
      const { log, missing } = await findLog(ports, town, params.logId);
      if (wantsText(c))
        return new Response(log.body, { headers: { "content-type": TEXT, "x-missing": String(missing) } });
      const done = log.headers.get(LOG_LIVE_HEADER) !== "true";
      return { ...logPage(await log.text(), query), ...(missing ? { missing } : {}), done };
    },
  );
}

/** Throws `not_found` where neither has it; where the runner cannot be asked and the town has nothing, why. */
export async function findLog(
  ports: ServerPorts,
  town: TownActor,
  id: string,
): Promise<{ log: Response; missing: boolean }> {
  if (!logId.safeParse(id).success) throw new GastownError("not_found", `There is no log ${id}.`);
  try {
    return {
      log: await askRunner(ports, { townId: town.id, method: "GET", path: `/logs/${id}` }),
      missing: false,
    };
  } catch (error) {
    const tail = town.read((open) => open.logTail(id));
    if (tail === null) throw error;
    return { log: new Response(tail), missing: true };
  }
}
