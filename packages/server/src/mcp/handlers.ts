/** What each tool does. Which roles have it is decided before (`toolsOf`). */
import { TOOLS, type ToolInput, type ToolName } from "@gastown/protocol";
import type { SessionContext, Town } from "@gastown/town";
import type { ServerPorts } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";
import { beadRetry, beadStatus, checkpoint, escalate, prime, status, why } from "./tools-common.ts";
import {
  escalationAcknowledge,
  escalationResolve,
  mailCheck,
  mailSend,
  nudge,
  triageResolve,
} from "./tools-agents.ts";
import {
  agentReset,
  beadClose,
  beadFail,
  beadHold,
  beadReassign,
  beadStart,
  beadUpdate,
} from "./tools-beads.ts";
import { adoptPullRequest, gateLog, uiAction } from "./tools-asking.ts";
import { convoyAddBead, convoyRemoveBead, convoyUpdate } from "./tools-convoy.ts";
import { convoyStart, convoyStatus, sling, slingBatch } from "./tools-mayor.ts";
import { listAgents, listBeads, listConvoys, listEscalations, listMerges, listRigs } from "./tools-lists.ts";
import { pullRequestReply, pullRequestThreads } from "./tools-pull-request.ts";
import { approve, done, requestChanges } from "./tools-outcome.ts";
import { molAdvance, molCurrent } from "./tools-steps.ts";
import { beadDelete, convoyClose, convoyRetry, convoyWaive, mergeDismiss, mergeRetry } from "./tools-work.ts";
import type { ToolResult } from "./result.ts";

/** A call that was checked. */
export interface ToolCall {
  actor: TownActor;
  ports: ServerPorts;
  session: SessionContext;
  args: Record<string, unknown>;
  /** Epoch ms. */
  now: number;
}

/** `turn`: one turn of the town. `waits`: for the runner or a forge, over more than one. */
export type Handler =
  | { type: "turn"; run(town: Town, call: ToolCall): ToolResult }
  | { type: "waits"; run(call: ToolCall): Promise<ToolResult> };

type Turn<N extends ToolName> = (
  town: Town,
  session: SessionContext,
  args: ToolInput<N>,
  call: ToolCall,
) => ToolResult;

/** Arguments were parsed by this very tool's schema. */
const turn = <N extends ToolName>(_name: N, run: Turn<N>): Handler => ({
  type: "turn",
  run: (town, call) => run(town, call.session, call.args as ToolInput<N>, call),
});

const HANDLERS: Record<ToolName, Handler> = {
  gt_prime: turn("gt_prime", prime),
  gt_status: turn("gt_status", status),
  gt_checkpoint: turn("gt_checkpoint", checkpoint),
  gt_bead_status: turn("gt_bead_status", beadStatus),
  gt_escalate: turn("gt_escalate", escalate),
  gt_done: {
    type: "waits",
    run: ({ actor, session, args }) => done(actor, session, args),
  },
  gt_mol_current: turn("gt_mol_current", molCurrent),
  gt_mol_advance: turn("gt_mol_advance", molAdvance),
  gt_pr_threads: { type: "waits", run: (call) => pullRequestThreads(call, call.args) },
  gt_pr_reply: {
    type: "waits",
    run: (call) => pullRequestReply(call, call.args as ToolInput<"gt_pr_reply">),
  },
  gt_gate_log: { type: "waits", run: (call) => gateLog(call, call.args as ToolInput<"gt_gate_log">) },
  gt_approve: turn("gt_approve", approve),
  gt_request_changes: turn("gt_request_changes", requestChanges),
  gt_sling: turn("gt_sling", sling),
  gt_sling_batch: turn("gt_sling_batch", slingBatch),
  gt_convoy_start: turn("gt_convoy_start", convoyStart),
  gt_convoy_status: turn("gt_convoy_status", convoyStatus),
  gt_list_rigs: turn("gt_list_rigs", listRigs),
  gt_list_beads: turn("gt_list_beads", listBeads),
  gt_list_agents: turn("gt_list_agents", listAgents),
  gt_list_convoys: turn("gt_list_convoys", listConvoys),
  gt_list_merges: turn("gt_list_merges", listMerges),
  gt_list_escalations: turn("gt_list_escalations", listEscalations),
  gt_triage_resolve: turn("gt_triage_resolve", triageResolve),
  gt_why: turn("gt_why", why),
  gt_mail_check: turn("gt_mail_check", mailCheck),
  gt_mail_send: turn("gt_mail_send", mailSend),
  gt_escalation_acknowledge: turn("gt_escalation_acknowledge", escalationAcknowledge),
  gt_escalation_resolve: turn("gt_escalation_resolve", escalationResolve),
  gt_bead_update: turn("gt_bead_update", beadUpdate),
  gt_bead_hold: turn("gt_bead_hold", beadHold),
  gt_bead_start: turn("gt_bead_start", beadStart),
  gt_bead_close: turn("gt_bead_close", beadClose),
  gt_bead_fail: turn("gt_bead_fail", beadFail),
  gt_bead_reassign: turn("gt_bead_reassign", beadReassign),
  gt_agent_reset: turn("gt_agent_reset", agentReset),
  gt_nudge: turn("gt_nudge", nudge),
  gt_bead_retry: turn("gt_bead_retry", beadRetry),
  gt_bead_delete: {
    type: "waits",
    run: ({ actor, session, args }) =>
      Promise.resolve(beadDelete(actor, session, args as ToolInput<"gt_bead_delete">)),
  },
  gt_adopt_pr: {
    type: "waits",
    run: (call) => adoptPullRequest(call, call.args as ToolInput<"gt_adopt_pr">),
  },
  gt_convoy_update: turn("gt_convoy_update", convoyUpdate),
  gt_convoy_add_bead: turn("gt_convoy_add_bead", convoyAddBead),
  gt_convoy_remove_bead: turn("gt_convoy_remove_bead", convoyRemoveBead),
  gt_ui_action: {
    type: "waits",
    run: (call) => Promise.resolve(uiAction(call, call.args as ToolInput<"gt_ui_action">)),
  },
  gt_convoy_close: turn("gt_convoy_close", convoyClose),
  gt_convoy_retry: turn("gt_convoy_retry", convoyRetry),
  gt_convoy_waive: turn("gt_convoy_waive", convoyWaive),
  gt_merge_retry: turn("gt_merge_retry", mergeRetry),
  gt_merge_dismiss: turn("gt_merge_dismiss", mergeDismiss),
};

const isToolName = (name: string): name is ToolName => Object.hasOwn(TOOLS, name);

export function handlerOf(name: string): Handler {
  if (!isToolName(name)) throw new Error(`no handler for ${name}`);
  return HANDLERS[name];
}
