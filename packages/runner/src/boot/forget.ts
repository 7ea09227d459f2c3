/**
 * What a town no longer has goes from this disk too: the worktrees of agents that were forgotten or left
 * with their rig, and the clones of rigs that were removed (spec/town.md §5 housekeeping).
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import type { RegisterAnswer } from "@gastown/protocol";
import type { GitWorkspace, Places } from "../git/index.ts";
import type { Log } from "../options.ts";
import type { Registry } from "../sessions/registry.ts";
import type { SlotRecords } from "../sessions/slot-record.ts";

export interface ForgetDeps {
  readonly root: string;
  readonly git: GitWorkspace;
  readonly slots: SlotRecords;
  readonly registry: Registry;
  readonly log: Log;
  /** Aborts when the runner ends: that waits for nothing here. */
  readonly signal: AbortSignal;
}

/** What was on this disk before the town said what it has: an agent that it makes since is not among it. */
export interface Before extends Places {
  readonly agents: readonly string[];
}

export async function onDisk({ git, slots }: Pick<ForgetDeps, "git" | "slots">): Promise<Before> {
  return { ...(await git.places()), agents: slots.all().map(({ agent_id }) => agent_id) };
}

/** Never fails, and leaves unsaved work alone: what stays now is tried by the next boot. */
export async function forgetUnknown(
  deps: ForgetDeps,
  before: Before,
  known: NonNullable<RegisterAnswer["known"]>,
): Promise<void> {
  const [agents, rigs] = [new Set(known.agents), new Set(known.rigs)];
  // A record that is missing or cannot be read says nothing of what is there: only a saved one lets it go.
  const isKept = (agent: string): boolean =>
    deps.registry.uses(agent) || deps.slots.read(agent)?.saved !== true;
  try {
    for (const slot of before.slots) {
      const { agent, rig } = partsOf(slot);
      const isKnown = agents.has(agent) && (rig === null || rigs.has(rig));
      if (!isKnown && !isKept(agent)) await deps.git.forgetSlot(slot);
      deps.signal.throwIfAborted();
    }
    for (const agent of before.agents) if (!agents.has(agent) && !isKept(agent)) forgetAgent(deps, agent);
    for (const rig of before.rigs) {
      if (!rigs.has(rig) && (await deps.git.forgetMirror(rig))) deps.log("mirror.forgotten", { rig });
      deps.signal.throwIfAborted();
    }
    deps.log("disk.tidied", {});
  } catch (thrown) {
    deps.log("leftover.not_forgotten", { message: String(thrown) });
  }
}

function forgetAgent({ root, slots, log }: ForgetDeps, agent: string): void {
  const role = slots.read(agent)?.role;
  if (role !== undefined) rmSync(join(root, role, agent), { recursive: true, force: true });
  slots.forget(agent);
  log("slot.forgotten", { agent });
}

/** An agent's own slot, or the mayor's checkout of one rig (`<agent>-<rig>`). */
function partsOf(slot: string): { agent: string; rig: string | null } {
  const [agent = slot, rig = null] = slot.split("-", 2);
  return { agent, rig };
}
