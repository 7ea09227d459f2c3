import { GastownError } from "@gastown/protocol";
import type {
  ModelAnswer,
  ModelRequest,
  SessionChange,
  SessionLaunch,
  StartRequest,
} from "@gastown/protocol";
import type { Conversation } from "./conversation.ts";
import { StartRefusal } from "./refusal.ts";

interface Changeable {
  readonly request: StartRequest;
  change(launch: Partial<SessionLaunch>): SessionChange;
}

/**
 * Another model for this session alone. Set in the open conversation where the runtime can, else by
 * another process that takes the conversation over between turns.
 * @throws GastownError `validation_failed` where it is not offered; then the model before it stays
 */
export async function chooseModel(
  session: Changeable,
  conversation: Conversation | null,
  { model, small_model }: ModelRequest,
): Promise<ModelAnswer> {
  const { request } = session;
  const before = { model: request.model, small_model: request.small_model };
  const wanted = { model, ...(small_model === undefined ? {} : { small_model }) };
  if (conversation === null) {
    session.change(wanted);
    return { applied: "pending" };
  }
  const { runtime, options } = conversation.opened;
  if (runtime.modelBy === null && !options.includes("model")) throw noChoice(runtime.title);
  Object.assign(request, wanted);
  try {
    await conversation.applyModel();
  } catch (thrown) {
    Object.assign(request, before);
    if (thrown instanceof StartRefusal) throw new GastownError("validation_failed", thrown.message);
    throw thrown;
  }
  return { applied: session.change({}) === "move" ? "restarted" : "live" };
}

function noChoice(title: string): GastownError {
  return new GastownError("validation_failed", `${title} offers no choice of model: it uses its own.`);
}
