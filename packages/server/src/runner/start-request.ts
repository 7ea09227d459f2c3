/** What a runner is asked to start: the town's plan with prompt, role instructions and tools entry. */
import type { StartRequest } from "@gastown/protocol";
import type { LaunchPlan } from "@gastown/town";
import { signSessionToken } from "../auth/tokens.ts";
import type { SigningKey } from "../ports.ts";
import { renderPrompt } from "../prompts/prompt.ts";
import { recapOf } from "../prompts/recap.ts";
import { sessionLaunch } from "./launch.ts";

/** The tools' entry in the agent: its name may become a prefix of the tools' names there. */
const MCP_NAME = "gastown";

export interface StartPorts {
  keys: readonly SigningKey[];
  publicUrl: string;
}

/** The same for an effect and for a runner that registers anew; signs a new token (`now`: epoch ms). */
export async function startRequestOf(
  ports: StartPorts,
  townId: string,
  plan: LaunchPlan,
  now: number,
): Promise<StartRequest> {
  const { prime, peers: _peers, instructions: _instructions, recap, ...rest } = plan;
  const token = await signSessionToken(
    ports.keys,
    {
      sessionId: plan.session_id,
      townId,
      rigId: plan.rig?.id ?? null,
      agentId: plan.agent.id,
      role: plan.role,
      epoch: plan.epoch,
    },
    now,
  );
  const url = `${ports.publicUrl}/api/towns/${townId}/sessions/${plan.session_id}/mcp`;
  return {
    ...rest,
    ...sessionLaunch(plan),
    // The mayor waits for a message; everybody else begins with the work.
    prompt: plan.role === "mayor" ? null : renderPrompt(prime),
    mcp: { name: MCP_NAME, url, token },
    recap: recapOf(recap),
  };
}
