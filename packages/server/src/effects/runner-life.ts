import type { EffectAnswer } from "@gastown/town";
import { beforeDeadline, noRoomOf, type EffectContext } from "./context.ts";

/** A runner is there when this is done: it has registered. */
export async function ensureRunner(context: EffectContext): Promise<EffectAnswer> {
  return finished(() => context.runners.ensure(context.townId), context.signal);
}

/** Drained and gone when this is done. */
export async function stopRunner(context: EffectContext): Promise<EffectAnswer> {
  return finished(() => context.runners.stop(context.townId), context.signal);
}

async function finished(work: () => Promise<unknown>, signal: AbortSignal): Promise<EffectAnswer> {
  try {
    await beforeDeadline(work(), signal);
    return { type: "done" };
  } catch (error) {
    const noRoom = noRoomOf(error);
    if (noRoom !== null) return noRoom;
    return { type: "retry", message: error instanceof Error ? error.message : String(error), counted: true };
  }
}
