/** What hosts see of changes to beads and agents. */
import type { Agent, Bead, UpdateBeadBody } from "@gastown/protocol";
import { agentRow, findAgent, toAgent } from "../agents/agents.ts";
import { deleteAgent, resetAgent } from "../agents/commands.ts";
import type { Access } from "../kernel/context.ts";
import type { Actor } from "../town.ts";
import { toBead } from "../views/beads.ts";
import { beadRow } from "./bead-row.ts";
import { deleteBead, reassignBead, updateBead, type Reassignment } from "./change.ts";

export interface TownChanges {
  updateBead(ref: string, body: UpdateBeadBody, actor: Actor): Bead;
  reassignBead(ref: string, wish: Reassignment, actor: Actor): Bead;
  deleteBead(ref: string, options: { force: boolean }, actor: Actor): void;
  /** By id, id ending or name. Throws `not_found`. */
  agent(ref: string): Agent;
  resetAgent(ref: string, actor: Actor): Agent;
  deleteAgent(ref: string, actor: Actor): void;
}

export function townChanges({ read, write }: Access): TownChanges {
  return {
    updateBead: (ref, body, actor) =>
      write(actor, (ctx) => toBead(ctx, beadRow(ctx, updateBead(ctx, ref, body)))),
    reassignBead: (ref, wish, actor) =>
      write(actor, (ctx) => toBead(ctx, beadRow(ctx, reassignBead(ctx, ref, wish)))),
    deleteBead: (ref, { force }, actor) => write(actor, (ctx) => deleteBead(ctx, ref, force)),
    agent: (ref) => read((ctx) => toAgent(ctx, findAgent(ctx, ref))),
    resetAgent: (ref, actor) => write(actor, (ctx) => toAgent(ctx, agentRow(ctx, resetAgent(ctx, ref)))),
    deleteAgent: (ref, actor) => write(actor, (ctx) => deleteAgent(ctx, ref)),
  };
}
