/** What needs a person (spec/api.md §3.3). */
import { limits, needsYouKind, needsYouList, snoozeBody } from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { anyOf, flag } from "../http/query.ts";

const needsYou = "/api/towns/{townId}/needs-you";

export function needsYouRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: needsYou,
      operation: "needsYou.list",
      summary: "What needs a person: what holds up most comes first.",
      who: "viewer",
      query: z.strictObject({
        kind: anyOf(needsYouKind).optional(),
        rigId: limits.text(1, 100).optional(),
        convoyId: limits.text(1, 100).optional(),
        snoozed: flag.optional(),
      }),
      answer: needsYouList,
    },
    (town, { query }) => town.needsYou(query),
  );
  on.command(
    {
      method: "post",
      path: `${needsYou}/snooze`,
      operation: "needsYou.snooze",
      summary: "Puts things aside until a time, or until they say something else.",
      who: "member",
      body: snoozeBody,
      answer: needsYouList,
    },
    (town, { body, actor }) => town.snooze(body, actor),
  );
}
