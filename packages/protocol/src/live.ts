/** The live feed's frames (spec/api.md §5.2). Server to client, JSON text, one object a frame. */
import { z } from "zod";
import { feedEntry, townStatus } from "./shapes.ts";
import { transcriptItem } from "./runner-callbacks.ts";
import { uiAction } from "./ui-action.ts";

export const LIVE_PROTOCOL = "gastown.live.v1";

export const liveFrame = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("hello"),
    seq: z.int(),
    serverTime: z.string(),
    version: z.string(),
    resumed: z.boolean(),
  }),
  z.object({ type: z.literal("snapshot"), status: townStatus }),
  z.object({ type: z.literal("event"), entry: feedEntry }),
  z.object({ type: z.literal("status"), status: townStatus }),
  z.object({
    type: z.literal("agent_status"),
    agentId: z.string(),
    sessionId: z.string(),
    name: z.string(),
    text: z.string(),
    at: z.string(),
  }),
  /** For every open page of the town. */
  z.object({ type: z.literal("ui_action"), action: uiAction }),
  z.object({ type: z.literal("resync"), fromSeq: z.int() }),
  z.object({ type: z.literal("transcript"), topic: z.string(), item: transcriptItem }),
  /** Lines of a log, `from` counted from 0; `done`: nothing is added to it any more. */
  z.object({
    type: z.literal("log"),
    topic: z.string(),
    from: z.int(),
    lines: z.array(z.string()),
    done: z.boolean(),
  }),
  z.object({ type: z.literal("refused"), topic: z.string(), code: z.string() }),
  z.object({ type: z.literal("pong") }),
]);
export type LiveFrame = z.infer<typeof liveFrame>;

/** The only things that a client may send; anything else closes 4009. */
export const clientFrame = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("ping") }),
  z.strictObject({
    type: z.literal("subscribe"),
    topic: z.string().max(80),
    after: z.int().min(0).optional(),
  }),
  z.strictObject({ type: z.literal("unsubscribe"), topic: z.string().max(80) }),
]);
export type ClientFrame = z.infer<typeof clientFrame>;

export const CLOSE_CODES = {
  done: 1000,
  goingAway: 1001,
  accessGone: 4003,
  townDeleted: 4004,
  tooSlow: 4008,
  protocolError: 4009,
} as const;
