import { leftRefs, type LeftRef, type Rig } from "@gastown/protocol";
import type { Context } from "../cli/context.ts";
import { CommandError, EXIT } from "../cli/failure.ts";

/** The server waits a while with each; what cannot be reached for longer is not waited for. */
const ROUNDS = 6;

/**
 * `--branches`: what the town made on the remote of a rig goes before the rig does. Says what had to stay; throws,
 * with the rig kept, while the remote cannot be reached.
 */
export async function branchesAway(context: Context, townId: string, rig: Rig): Promise<LeftRef[]> {
  const api = await context.api();
  const path = `/api/towns/${townId}/rigs/${rig.id}/branches/forget`;
  let items: LeftRef[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    ({ items } = await api.post(leftRefs, path, {}));
    if (items.every(({ state }) => state !== "pending")) {
      for (const { ref, state, why } of items)
        if (state === "kept") context.out.note(`${ref} stays: ${why ?? "it could not be deleted"}`);
      return items;
    }
  }
  const left = items.filter(({ state }) => state === "pending").length;
  throw new CommandError(
    EXIT.waitEnded,
    "timeout",
    `${left} branches of ${rig.name} are still to be deleted, so it is kept. Try again in a while, or remove it without --branches.`,
  );
}
