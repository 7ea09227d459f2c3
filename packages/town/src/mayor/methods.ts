/** The mayor's part of a town as its host sees it. */
import { TOWN_ACTOR, type Ctx } from "../kernel/context.ts";
import { chooseMayorModel } from "../sessions/model.ts";
import type { Actor, Town } from "../town.ts";
import { interruptMayor, mayorStatus, stopMayor } from "./commands.ts";
import { conversation } from "./conversation.ts";
import { ensureMayor } from "./decision.ts";
import { queueMessage } from "./messages.ts";
import { mayorContext, prewarmMayor } from "./prewarm.ts";
import { changeQueued, deleteQueued, queuedMessages } from "./queue.ts";
import { storeContext } from "./ui-context.ts";

interface Access {
  read: <T>(fn: (ctx: Ctx) => T) => T;
  write: <T>(actor: Actor, fn: (ctx: Ctx) => T) => T;
}

type MayorMethods = Pick<
  Town,
  | "messageMayor"
  | "mayor"
  | "ensureMayor"
  | "stopMayor"
  | "interruptMayor"
  | "chooseMayorModel"
  | "mayorContext"
  | "prewarmMayor"
  | "mayorQueue"
  | "changeQueued"
  | "deleteQueued"
  | "setUiContext"
  | "conversation"
>;

export function mayorMethods({ read, write }: Access): MayorMethods {
  const then = (actor: Actor, fn: (ctx: Ctx) => void) =>
    write(actor, (ctx) => {
      fn(ctx);
      return mayorStatus(ctx);
    });
  return {
    messageMayor: (message, actor) =>
      write(actor, (ctx) => ({ messageId: queueMessage(ctx, message), mayor: mayorStatus(ctx) })),
    mayor: () => read(mayorStatus),
    ensureMayor: (actor) => then(actor, (ctx) => ensureMayor(ctx, "ensure")),
    stopMayor: ({ newConversation }, actor) => then(actor, (ctx) => stopMayor(ctx, newConversation)),
    interruptMayor: (actor) => then(actor, interruptMayor),
    chooseMayorModel: (models, actor) => write(actor, (ctx) => ({ changeId: chooseMayorModel(ctx, models) })),
    mayorContext: () => read(mayorContext),
    prewarmMayor: (configVersion) => write(TOWN_ACTOR, (ctx) => prewarmMayor(ctx, configVersion)),
    mayorQueue: () => read(queuedMessages),
    changeQueued: (id, change, actor) => write(actor, (ctx) => changeQueued(ctx, id, change)),
    deleteQueued: (id, actor) => write(actor, (ctx) => deleteQueued(ctx, id)),
    setUiContext: (context, actor) => write(actor, (ctx) => storeContext(ctx, context)),
    conversation: (limit) => read((ctx) => conversation(ctx, limit)),
  };
}
