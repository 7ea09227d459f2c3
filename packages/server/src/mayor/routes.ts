/** The mayor, whom people talk to (spec/api.md §3.10). */
import {
  conversationEntry,
  mayorMessageBody,
  mayorModelBody,
  mayorQueueChange,
  mayorShape,
  mayorStopBody,
  mayorUiContextBody,
  modelApplied,
  queuedMessage,
  uiAction,
  type MayorStatus,
} from "@gastown/protocol";
import type { Actor, Town } from "@gastown/town";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, limit, listOf, noBody } from "../http/query.ts";
import type { ServerPorts } from "../ports.ts";
import { modelChanged } from "../sessions/model.ts";
import { showOnPages } from "./ui-action.ts";
import { prewarmRoutes } from "./prewarm.ts";

const mayor = "/api/towns/{townId}/mayor";
const CONVERSATION_PAGE = 50;

const ensured = z.object({
  agentId: z.string().nullable(),
  sessionId: z.string().nullable(),
  sessionStatus: mayorShape.shape.status,
  reason: z.string().optional(),
  action: z.string().optional(),
});

function ensuredOf({ agentId, sessionId, status, reason, action }: MayorStatus): z.input<typeof ensured> {
  return { agentId, sessionId, sessionStatus: status, reason, action };
}

export function mayorRoutes(on: Endpoints, ports: ServerPorts): void {
  prewarmRoutes(on, ports);
  talkRoutes(on);
  sessionRoutes(on);
  modelRoute(on);
  queueRoutes(on);
  showRoute(on);
}

function talkRoutes(on: Endpoints): void {
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
      answer: ensured.extend({ messageId: z.string() }),
    },
    (town, { body, actor }) => {
      const { messageId, mayor: now } = town.messageMayor(body, actor);
      return { messageId, ...ensuredOf(now) };
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
  on.command(
    {
      method: "put",
      path: `${mayor}/ui-context`,
      operation: "mayor.uiContext",
      summary: "What this person has on the screen; given to the mayor with their next message, as data.",
      who: "member",
      body: mayorUiContextBody,
      answer: z.object({ stored: z.literal(true) }),
    },
    (town, { body, actor }) => {
      town.setUiContext(body.context, actor);
      return { stored: true as const };
    },
  );
}

function sessionRoutes(on: Endpoints): void {
  on.command(
    {
      method: "post",
      path: `${mayor}/ensure`,
      operation: "mayor.ensure",
      summary: "Sees to it that a mayor runs; a live one is left alone.",
      who: "member",
      body: noBody,
      answer: ensured,
    },
    (town, { actor }) => ensuredOf(town.ensureMayor(actor)),
  );
  on.command(
    {
      method: "post",
      path: `${mayor}/interrupt`,
      operation: "mayor.interrupt",
      summary: "Ends the mayor's turn; what waits goes on.",
      who: "member",
      body: noBody,
      status: 202,
      answer: ensured,
    },
    (town, { actor }) => ensuredOf(town.interruptMayor(actor)),
  );
  on.command(
    {
      method: "post",
      path: `${mayor}/stop`,
      operation: "mayor.stop",
      summary: "Ends the mayor's session; the next message goes on with its conversation, or begins anew.",
      who: "member",
      body: mayorStopBody,
      status: 202,
      answer: ensured,
    },
    (town, { body, actor }) =>
      ensuredOf(town.stopMayor({ newConversation: body.newConversation === true }, actor)),
  );
}

function modelRoute(on: Endpoints): void {
  on.town(
    {
      method: "patch",
      path: `${mayor}/model`,
      operation: "mayor.model",
      summary: "Another model for the mayor's session, or (persist) for the town's mayor from now on.",
      who: "member",
      body: mayorModelBody,
      answer: modelApplied,
    },
    async ({ town, body, actor, c }) => {
      const { persist = false, ...models } = body;
      const { changeId } = town.run((open) => open.chooseMayorModel({ ...models, pin: !persist }, actor));
      const applied =
        changeId === null
          ? ({ applied: "next_start" } as const)
          : await modelChanged(town, changeId, c.req.raw.signal);
      if (persist) town.run((open) => persistModels(open, models, actor));
      return applied;
    },
  );
}

/** Only what a runner took, or what nobody could try yet, becomes a setting. */
function persistModels(
  town: Town,
  models: { model: string; smallModel?: string | undefined },
  actor: Actor,
): void {
  const { config } = town.config();
  const small = models.smallModel === undefined ? {} : { small_model: models.smallModel };
  town.setConfig({ ...config, ...small, role_models: { ...config.role_models, mayor: models.model } }, actor);
}

function queueRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: `${mayor}/queue`,
      operation: "mayor.queue.list",
      summary: "Messages that the mayor was not given yet, in the order of their delivery.",
      who: "viewer",
      answer: listOf(queuedMessage),
    },
    (town) => complete(town.mayorQueue()),
  );
  on.command(
    {
      method: "patch",
      path: `${mayor}/queue/{messageId}`,
      operation: "mayor.queue.update",
      summary: "Changes a message that was not delivered yet, or its place.",
      who: "member",
      body: mayorQueueChange,
      answer: queuedMessage,
    },
    (town, { params, body, actor }) => town.changeQueued(params.messageId, body, actor),
  );
  on.command(
    {
      method: "delete",
      path: `${mayor}/queue/{messageId}`,
      operation: "mayor.queue.delete",
      summary: "Takes back a message that was not delivered yet.",
      who: "member",
      answer: z.object({ deleted: z.literal(true) }),
    },
    (town, { params, actor }) => {
      town.deleteQueued(params.messageId, actor);
      return { deleted: true as const };
    },
  );
}

function showRoute(on: Endpoints): void {
  on.town(
    {
      method: "post",
      path: `${mayor}/ui-action`,
      operation: "mayor.uiAction",
      summary: "Has this town's open pages show something.",
      who: "member",
      body: z.strictObject({ action: uiAction }),
      answer: z.object({ broadcast: z.int() }),
    },
    ({ town, body }) => Promise.resolve({ broadcast: showOnPages(town, body.action) }),
  );
}
