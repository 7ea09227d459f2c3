/** Why a bead is not running: its own wait, then down its blockers to the one that decides (spec/api.md §3.6). */
import { waitingOn, type BeadDetail } from "@gastown/protocol";
import type { Town } from "@gastown/town";
import { z } from "zod";

/** A chain of blockers longer than this is told in part; every step is one read. */
const MAX_CHAIN = 20;

const link = z.object({
  id: z.string(),
  title: z.string(),
  status: z.string(),
  waitingOn: waitingOn.optional(),
});
export const whyShape = z.object({
  state: z.string(),
  waitingOn: waitingOn.optional(),
  /** From the bead itself down to the one that decides. */
  chain: z.array(link),
});

export function beadWhy(town: Town, ref: string): z.input<typeof whyShape> {
  const bead = town.bead(ref);
  return {
    state: bead.status,
    ...(bead.waitingOn === undefined ? {} : { waitingOn: bead.waitingOn }),
    chain: chainFrom(town, bead),
  };
}

function chainFrom(town: Town, start: BeadDetail): z.input<typeof link>[] {
  const chain: z.input<typeof link>[] = [];
  const seen = new Set<string>();
  let next: BeadDetail | undefined = start;
  while (next !== undefined && !seen.has(next.id) && chain.length < MAX_CHAIN) {
    const { id, title, status } = next;
    seen.add(id);
    chain.push({ id, title, status, ...(next.waitingOn === undefined ? {} : { waitingOn: next.waitingOn }) });
    const blocker: { id: string } | undefined = next.dependencies.blockedBy.find(
      (one) => one.status !== "closed",
    );
    next = blocker === undefined ? undefined : town.bead(blocker.id);
  }
  return chain;
}
