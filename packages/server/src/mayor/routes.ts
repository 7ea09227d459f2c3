/** The mayor, whom people talk to (spec/api.md §3.10). */
import { conversationEntry, mayorMessageBody, mayorShape } from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, limit, listOf } from "../http/query.ts";

const mayor = "/api/towns/{townId}/mayor";
const CONVERSATION_PAGE = 50;

export function mayorRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: mayor,
      operation: "mayor.status",
      summary: "What the mayor is doing.",
      who: "viewer",
      answer: mayorShape,
    },
    (town) => town.mayor(),
  );
  on.command(
    {
      method: "post",
      path: `${mayor}/message`,
      operation: "mayor.message",
      summary: "Tells the mayor something; it is stored first and delivered exactly once.",
      who: "member",
      body: mayorMessageBody,
      status: 202,
      answer: z.object({
        messageId: z.string(),
        agentId: z.string().nullable(),
        sessionId: z.string().nullable(),
        sessionStatus: mayorShape.shape.status,
      }),
    },
    (town, { body, actor }) => {
      const { messageId, mayor: now } = town.messageMayor(body.message, actor);
      return { messageId, agentId: now.agentId, sessionId: now.sessionId, sessionStatus: now.status };
    },
  );
  on.read(
    {
      method: "get",
      path: `${mayor}/conversation`,
      operation: "mayor.conversation",
      summary: "What was said, newest first.",
      who: "viewer",
      query: z.strictObject({ limit }),
      answer: listOf(conversationEntry),
    },
    (town, { query }) => complete(town.conversation(query.limit ?? CONVERSATION_PAGE)),
  );
}
