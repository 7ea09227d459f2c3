import {
  conversationEntry,
  GastownError,
  mayorShape,
  type LiveFrame,
  type MayorMessageBody,
} from "@gastown/protocol";
import { z } from "zod";
import type { ApiClient } from "../cli/client.ts";
import type { Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { CommandError, EXIT, usageError } from "../cli/failure.ts";
import { liveFrames, Topics } from "../cli/live.ts";
import { listOf, theTown } from "../cli/target.ts";
import { timeoutOption } from "../cli/values.ts";
import { sessionRequest } from "./mayor-session.ts";
import { saidIn } from "./transcript-text.ts";

const messageAnswer = z.object({
  messageId: z.string(),
  sessionId: z.string().nullable(),
  sessionStatus: z.string(),
});

/** `gastown mayor`: one message and its answer, or a conversation on a terminal. */
export const mayor: Run = async (context, [message], options) => {
  const asked = sessionRequest(options, message);
  const api = await context.api();
  const town = await theTown(context);
  if (asked !== null) {
    await asked(context, api, town.id);
    return EXIT.done;
  }
  const timeoutMs = timeoutOption(options);
  const mode = options["now"] === true ? "now" : "when_idle";
  if (message === undefined) return converse(context, api, town.id);
  if (message.trim() === "") throw usageError("The message is empty. Say what you want, in your own words.");
  if (options["wait"] === false) {
    const sent = await send(api, town.id, { message, mode });
    context.out.result(sent, "The mayor has your message; `gastown watch` shows what comes of it.");
    return EXIT.done;
  }
  const answer = await ask(context, api, town.id, { message, mode }, timeoutMs);
  context.out.result(answer, context.out.terminal ? "" : answer.answer);
  return EXIT.done;
};

function send(
  api: ApiClient,
  townId: string,
  message: MayorMessageBody,
): Promise<z.infer<typeof messageAnswer>> {
  return api.post(messageAnswer, `/api/towns/${townId}/mayor/message`, message);
}

interface Answer {
  readonly messageId: string;
  readonly answer: string;
}

/** Sends a message and shows the answer while it is spoken. */
async function ask(
  context: Context,
  api: ApiClient,
  townId: string,
  message: MayorMessageBody,
  timeoutMs: number | undefined,
): Promise<Answer> {
  const over = new AbortController();
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => over.abort(tooLong(timeoutMs)), timeoutMs);
  const signal = AbortSignal.any([context.signal, over.signal]);
  const topics = new Topics();
  const listener = new Listener(context, api, townId, topics);
  let messageId: string | undefined;
  try {
    for await (const frame of liveFrames(api, { townId, signal, topics })) {
      // The feed is open before the message is sent, so that nothing of the answer is missed.
      messageId ??= (await send(api, townId, message)).messageId;
      await listener.take(frame);
      if (frame.type === "event" && isAnswered(frame, messageId)) break;
    }
  } finally {
    clearTimeout(timer);
  }
  if (messageId === undefined) throw new GastownError("not_ready", "The server took no message.");
  return { messageId, answer: await finalAnswer(api, townId, messageId) };
}

function isAnswered(frame: LiveFrame & { type: "event" }, messageId: string): boolean {
  return frame.entry.kind === "mayor.message_answered" && frame.entry.data["messageId"] === messageId;
}

function tooLong(timeoutMs: number): CommandError {
  return new CommandError(
    EXIT.waitEnded,
    "timeout",
    `The mayor has not answered within ${timeoutMs / 1000} s. The message is kept; \`gastown status\` shows what the mayor does.`,
  );
}

/** Follows the mayor's session, whichever it is, and writes down what is said. */
class Listener {
  readonly #context: Context;
  readonly #api: ApiClient;
  readonly #townId: string;
  readonly #topics: Topics;
  #sessionId: string | null = null;

  constructor(context: Context, api: ApiClient, townId: string, topics: Topics) {
    this.#context = context;
    this.#api = api;
    this.#townId = townId;
    this.#topics = topics;
  }

  async take(frame: LiveFrame): Promise<void> {
    if (frame.type === "transcript") {
      if (this.#context.out.terminal) this.#context.out.piece(saidIn(frame.item));
      return;
    }
    if (frame.type !== "event" && frame.type !== "hello") return;
    if (frame.type === "event") this.#tell(frame.entry.kind, frame.entry.text);
    const { sessionId } = await this.#api.get(mayorShape, `/api/towns/${this.#townId}/mayor`);
    if (sessionId === null || sessionId === this.#sessionId) return;
    // What an earlier message was answered is not part of this answer.
    const known = this.#sessionId === null && frame.type === "hello" ? await this.#newest(sessionId) : 0;
    this.#sessionId = sessionId;
    this.#topics.add(`session:${sessionId}`, known);
  }

  #tell(kind: string, text: string): void {
    if (
      /^(convoy\.created|convoy\.started|bead\.created|agent\.dispatch_failed|escalation\.created)$/.test(
        kind,
      )
    )
      this.#context.out.note(`  ${text}`);
  }

  async #newest(sessionId: string): Promise<number> {
    const page = z.object({ items: z.array(z.object({ seq: z.int() })), nextAfter: z.int() });
    let after = 0;
    for (;;) {
      const path = `/api/towns/${this.#townId}/sessions/${sessionId}/transcript`;
      const read = await this.#api.get(page, path, { after, limit: 1_000 });
      if (read.items.length === 0) return after;
      after = read.nextAfter;
    }
  }
}

/** Everything that the mayor said after that message, as it is stored. */
async function finalAnswer(api: ApiClient, townId: string, messageId: string): Promise<string> {
  const { items } = await api.get(listOf(conversationEntry), `/api/towns/${townId}/mayor/conversation`);
  const inOrder = items.toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
  const mine = inOrder.findIndex((entry) => entry.messageId === messageId);
  return inOrder
    .slice(mine + 1)
    .filter((entry) => entry.from === "mayor")
    .map((entry) => entry.text)
    .join("")
    .trim();
}

/** What waits behind the turn goes on; a second Ctrl-C ends the command. */
async function endTurn({ out }: Context, api: ApiClient, townId: string): Promise<void> {
  try {
    await api.post(mayorShape.pick({}), `/api/towns/${townId}/mayor/interrupt`);
    out.note("  The turn ends. Ctrl-C again ends the conversation.");
  } catch (error) {
    out.note(
      `  ${error instanceof Error ? error.message : String(error)} Ctrl-C again ends the conversation.`,
    );
  }
}

/** Messages one after the other, until the person has no more. */
async function converse(context: Context, api: ApiClient, townId: string): Promise<number> {
  if (!context.interactive)
    throw usageError('Without a terminal a message is needed: `gastown mayor "<what you want>"`.');
  const { intro, isCancel, outro, text } = await import("@clack/prompts");
  intro("The mayor listens. Ctrl-C ends its turn, and here the conversation.");
  for (;;) {
    const message = await text({ message: "You", placeholder: "what you want" });
    if (isCancel(message)) break;
    if (message === undefined || message.trim() === "") continue;
    const over = context.firstInterrupt(() => void endTurn(context, api, townId));
    await ask(context, api, townId, { message }, undefined).finally(over);
    context.out.piece("\n");
  }
  outro("The town goes on without you; `gastown watch` shows it.");
  return EXIT.done;
}
