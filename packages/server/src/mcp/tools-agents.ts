/** With which agents reach each other (spec/api.md §4.2, §4.4). */
import type { ToolInput } from "@gastown/protocol";
import type { SessionContext, Town } from "@gastown/town";
import { actorOf } from "./actor-of.ts";
import type { ToolResult } from "./result.ts";

const SEEN = {
  now: "its running turn is interrupted for it",
  when_idle: "it sees it when its turn ends",
  queue: "it sees it when its turn ends, or in its next session",
} as const;

export function nudge(town: Town, session: SessionContext, args: ToolInput<"gt_nudge">): ToolResult {
  const mode = args.mode ?? "when_idle";
  const { id } = town.nudgeAgent(
    args.agent_id,
    {
      message: args.message,
      mode,
      ...(args.urgent === undefined ? {} : { urgent: args.urgent }),
      ...(args.ttl_seconds === undefined ? {} : { ttlSeconds: args.ttl_seconds }),
    },
    actorOf(session),
  );
  return { text: `Nudge ${id} is on its way: ${SEEN[mode]}.`, data: { nudge_id: id, mode } };
}
