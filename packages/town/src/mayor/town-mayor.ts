/** The mayor, as a host sees it (spec/api.md §3.10). */
import type {
  ConversationEntry,
  MayorMessageBody,
  MayorQueueChange,
  MayorStatus,
  QueuedMessage,
} from "@gastown/protocol";
import type { Actor } from "../town.ts";

export interface TownMayor {
  messageMayor(message: string | MayorMessageBody, actor: Actor): { messageId: string; mayor: MayorStatus };
  mayor(): MayorStatus;
  /** A live one is left alone; else one is started, where it can be. */
  ensureMayor(actor: Actor): MayorStatus;
  stopMayor(options: { newConversation: boolean }, actor: Actor): MayorStatus;
  /** Ends its turn and keeps what waits. Throws `invalid_transition` where none runs. */
  interruptMayor(actor: Actor): MayorStatus;
  mayorQueue(): QueuedMessage[];
  /** Both throw `not_found`, and `invalid_transition` for a message that was given already. */
  changeQueued(messageId: string, change: MayorQueueChange, actor: Actor): QueuedMessage;
  deleteQueued(messageId: string, actor: Actor): void;
  setUiContext(context: string, actor: Actor): void;
  conversation(limit: number): ConversationEntry[];
}
