/** What people do on a forge: comment, approve, want changes, make drafts, close, and merge by hand. */
import { land } from "../forge/pulls.ts";
import type { Random } from "../kernel/random.ts";
import { MINUTE } from "../kernel/timeline.ts";
import type { World } from "../world/world.ts";

export function lookAtPulls(world: World, random: Random): void {
  const { forge, faults, time } = world;
  const open = forge.open();
  const pull = random.pickFrom(open);
  if (!pull) return;
  const later = (undo: () => void): void => void time.after(random.between(5, 240) * MINUTE, undo);
  for (const one of open) if (random.chance(0.5)) one.approved = true;
  if (faults.hit("forge_comment")) {
    pull.threads.push({ id: `thread-${pull.number}-${pull.threads.length}`, resolved: false });
  }
  if (faults.hit("forge_changes_requested")) {
    pull.changesRequested = true;
    later(() => (pull.changesRequested = false));
  }
  if (faults.hit("forge_draft")) {
    pull.draft = true;
    later(() => (pull.draft = false));
  }
  if (faults.hit("forge_closed")) pull.state = "closed";
  else if (faults.hit("forge_merged") && !pull.draft) mergeByHand(world, pull.url);
}

function mergeByHand(world: World, url: string): void {
  const pull = world.forge.at(url);
  const remote = world.remote(pull.rigId);
  const base = remote.branch(pull.base);
  if (pull.state !== "open" || base === null || world.history.conflicts(pull.head, base).length > 0) return;
  land(pull, remote, "merge", "ann");
}
