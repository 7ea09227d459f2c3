import type { Conversation } from "./conversation.ts";
import { openConversation } from "./open-session.ts";
import type { OpenOptions } from "./open-session.ts";
import { StartRefusal } from "./refusal.ts";

/**
 * Takes a conversation to a process of the spec that is wanted now. The old process ends with its last
 * session. Nothing is said meanwhile: the caller is between turns.
 * @throws StartRefusal also where the conversation could not be kept: then nothing goes on here
 */
export async function moveConversation(options: OpenOptions, conversation: Conversation): Promise<void> {
  const { request, deps } = options;
  const { opened, id } = conversation;
  // The two processes share the agent's store: it must not be open in both.
  conversation.close();
  try {
    const there = {
      ...options,
      request: { ...request, resume: true, resume_from: id },
      phase: () => undefined,
    };
    const moved = await openConversation(there, opened.cwd);
    if (!moved.loaded) throw lost(request.runtime);
    conversation.moved(moved);
  } finally {
    opened.lease.abandon();
  }
  deps.options.log("session.moved", {
    session_id: request.session_id,
    from: opened.lease.process.pid,
    to: conversation.opened.lease.process.pid,
  });
}

function lost(runtime: string): StartRefusal {
  return new StartRefusal({
    code: "conversation_lost",
    phase: "handshake",
    message: `The agent "${runtime}" could not take up its conversation in a process with the new settings.`,
    action: "Nothing has to be done: its next session begins a new conversation by itself.",
  });
}
