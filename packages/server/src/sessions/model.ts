/** Another model for a live session: asked of the runner by an effect, whose result is waited for. */
import { GastownError, type modelApplied } from "@gastown/protocol";
import type { z } from "zod";
import type { TownActor } from "../towns/actor.ts";

const WAIT_MS = 25_000;

/** @throws GastownError `validation_failed` where it is not offered, `timeout` where nobody answers */
export async function modelChanged(
  town: TownActor,
  changeId: string,
  signal: AbortSignal,
): Promise<z.infer<typeof modelApplied>> {
  const state = await town.wait(
    (open) => {
      const now = open.changeState(changeId);
      return now.type === "pending" ? undefined : now;
    },
    WAIT_MS,
    signal,
  );
  if (state === undefined)
    throw new GastownError("timeout", "The runner has not answered yet. The change is kept and tried again.");
  if (state.type === "refused") throw new GastownError("validation_failed", state.message);
  if (state.result === "restarted") return { applied: "restarted" };
  return { applied: state.result === "live" ? "live" : "next_start" };
}
