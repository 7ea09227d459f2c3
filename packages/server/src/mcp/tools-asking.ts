/** Tools that ask a forge or a runner, or the open pages (spec/api.md §4.3, §4.4). */
import { GastownError, type ToolInput } from "@gastown/protocol";
import { adopted } from "../merges/adopt.ts";
import { readPullRequest } from "../merges/pull-request.ts";
import { showOnPages } from "../mayor/ui-action.ts";
import { compose } from "../prompts/text.ts";
import { findLog } from "../reading/log-routes.ts";
import { actorOf } from "./actor-of.ts";
import type { ToolCall } from "./handlers.ts";
import type { ToolResult } from "./result.ts";

const TAIL = 200;

export async function adoptPullRequest(
  { actor, ports, session }: ToolCall,
  { rig_id, pr_url, title, body, force_push_allowed }: ToolInput<"gt_adopt_pr">,
): Promise<ToolResult> {
  const rig = actor.read((town) => town.rig(rig_id));
  const read = await readPullRequest(ports, actor.id, rig, pr_url);
  const merge = actor.run((town) =>
    adopted(town, rig.id, { title, body, forcePushAllowed: force_push_allowed }, read, actorOf(session)),
  );
  const warning = merge.warning === undefined ? "" : ` ${merge.warning}`;
  return {
    text: compose(
      [`${merge.id} looks after ${pr_url}.${warning}`],
      [{ heading: merge.id, text: merge.title }],
    ),
    data: { bead_id: merge.id, state: merge.state, warning: merge.warning ?? null },
  };
}

/** The runner has the whole log; where it cannot be asked, the town still has its end. */
export async function gateLog(
  { actor, ports, session }: ToolCall,
  { gate, tail = TAIL }: ToolInput<"gt_gate_log">,
): Promise<ToolResult> {
  const ran = actor.read((town) => town.gateOf(session.sessionId, gate));
  const whole =
    ran.log_ref === undefined ? ran.log_tail : await logOf({ actor, ports }, ran.log_ref, ran.log_tail);
  const lines = whole.replace(/\n$/, "").split("\n");
  const shown = lines.slice(-tail);
  const end = ran.exit_code === null ? "did not end by itself" : `ended with ${ran.exit_code}`;
  return {
    text: compose(
      [`The gate ${end}. The last ${shown.length} of ${lines.length} lines:`],
      [{ heading: gate, text: shown.join("\n") }],
    ),
    data: { gate, exit_code: ran.exit_code, lines: shown, total: lines.length },
    whole: true,
  };
}

async function logOf(
  { actor, ports }: Pick<ToolCall, "actor" | "ports">,
  id: string,
  kept: string,
): Promise<string> {
  try {
    return await (await findLog(ports, actor, id)).log.text();
  } catch (error) {
    if (error instanceof GastownError) return kept;
    throw error;
  }
}

export function uiAction({ actor }: ToolCall, { action }: ToolInput<"gt_ui_action">): ToolResult {
  const pages = showOnPages(actor, action);
  return { text: `Shown in ${pages} page${pages === 1 ? "" : "s"}.`, data: { pages } };
}
