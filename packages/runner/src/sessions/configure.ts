/** Role and model of an open conversation (spec/agents-facts.md §5, §6). */
import { RequestError } from "@agentclientprotocol/sdk";
import type { StartRequest } from "@gastown/protocol";
import type { AcpAgent, OpenedConversation } from "../agents/acp-agent.ts";
import type { Runtime } from "../agents/runtimes.ts";
import { StartRefusal } from "./refusal.ts";

/** What a conversation was last set to; a change is the difference to its request. */
export interface Applied {
  model: string | null;
  /** The role's instructions as the model has them. */
  system: string;
}

export interface Configured extends Applied {
  /** The model that the runtime takes where none is named; null: not known. */
  readonly defaultModel: string | null;
  /** Whether the role's instructions must stand before the first prompt. */
  readonly systemInPrompt: boolean;
}

interface ConfigureOptions {
  readonly request: StartRequest;
  readonly agent: AcpAgent;
  readonly runtime: Runtime;
  readonly conversation: OpenedConversation & { readonly loaded: boolean };
  /** Remembered from when the conversation was new. */
  readonly defaultModel: string | null;
  readonly notice: (text: string) => void;
}

export async function configure(options: ConfigureOptions): Promise<Configured> {
  const { request, agent, runtime, conversation, notice } = options;
  const { conversationId, loaded } = conversation;
  // The request may change while we wait: what was set is what it said when we began.
  const { model: wanted, system } = request;
  const offers = (id: string): boolean => conversation.options.includes(id);
  const byMode = runtime.rolePrompt === "agent_mode" && offers("mode");
  if (byMode) await agent.setOption(conversationId, "mode", request.role);
  // A new conversation begins with the runtime's own choice, a loaded one with what it had last.
  const defaultModel = loaded ? options.defaultModel : conversation.model;
  const model = wanted ?? (loaded ? defaultModel : null);
  if (model !== null && offers("model")) await setModel(agent, conversationId, request.runtime, model);
  else if (wanted !== null && runtime.modelBy === null)
    notice(`"${request.runtime}" offers no choice of model here; it uses its own instead of ${wanted}.`);
  return {
    model: wanted,
    system,
    defaultModel,
    systemInPrompt: runtime.rolePrompt !== "none" && !byMode,
  };
}

/** @throws StartRefusal `model_unavailable`; the model that was set before stays */
export async function setModel(
  agent: AcpAgent,
  conversationId: string,
  runtime: string,
  model: string,
): Promise<void> {
  try {
    await agent.setOption(conversationId, "model", model);
  } catch (thrown) {
    if (!(thrown instanceof RequestError)) throw thrown;
    throw new StartRefusal({
      code: "model_unavailable",
      phase: "handshake",
      message: `"${runtime}" does not offer the model ${model}: ${thrown.message}`,
      action: "Choose another model in the settings, or log the agent in with that provider.",
    });
  }
}
