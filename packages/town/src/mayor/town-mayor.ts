/** The mayor, as a host sees it (spec/api.md §3.10). */
import type {
  ConversationEntry,
  MayorMessageBody,
  MayorQueueChange,
  MayorStatus,
  QueuedMessage,
} from "@gastown/protocol";
import type { LaunchPlan, MayorContext, ModelChoice } from "../sessions/launch-types.ts";
import type { Actor } from "../town.ts";

export interface TownMayor {
  messageMayor(message: string | MayorMessageBody, actor: Actor): { messageId: string; mayor: MayorStatus };
  mayor(): MayorStatus;
  /** A live one is left alone; else one is started, where it can be. */
  ensureMayor(actor: Actor): MayorStatus;
  stopMayor(options: { newConversation: boolean }, actor: Actor): MayorStatus;
  /** Ends its turn and keeps what waits. Throws `invalid_transition` where none runs. */
  interruptMayor(actor: Actor): MayorStatus;
  /** Of the live session, else (null) of the next one. */
  chooseMayorModel(models: ModelChoice, actor: Actor): { changeId: string | null };
  /** What the next start of the mayor will use: the same function as that start (spec/api.md §3.16). */
  mayorContext(): MayorContext;
  /** Opens the mayor before anybody talks to it; null where it lives, cannot, or settings have changed. */
  prewarmMayor(configVersion: number): LaunchPlan | null;
  mayorQueue(): QueuedMessage[];
  /** Both throw `not_found`, and `invalid_transition` for a message that was given already. */
  changeQueued(messageId: string, change: MayorQueueChange, actor: Actor): QueuedMessage;
  deleteQueued(messageId: string, actor: Actor): void;
  setUiContext(context: string, actor: Actor): void;
  conversation(limit: number): ConversationEntry[];
}
