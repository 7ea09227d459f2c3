/** What the mayor, or whoever may talk to it, has a town's open pages show (spec/api.md §4.4, §5.2). */
import { z } from "zod";
import { text } from "./text.ts";

const id = text(1, 64);

export const uiAction = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("open_bead_drawer"), beadId: id }),
  z.strictObject({ type: z.literal("open_convoy_drawer"), convoyId: id }),
  z.strictObject({ type: z.literal("open_agent_drawer"), agentId: id }),
  z.strictObject({ type: z.literal("open_escalation"), escalationId: id }),
  z.strictObject({ type: z.literal("highlight_bead"), beadId: id }),
  z.strictObject({
    type: z.literal("navigate"),
    page: z.enum(["overview", "beads", "convoys", "agents", "merges", "mail", "observability", "settings"]),
    rigId: id.optional(),
  }),
]);
export type UiAction = z.infer<typeof uiAction>;
