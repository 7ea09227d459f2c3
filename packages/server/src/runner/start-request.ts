/** What a runner is asked to start: the town's plan with prompt, role instructions and tools entry. */
import type { FailureReason, StartRequest } from "@gastown/protocol";
import type { LaunchPlan } from "@gastown/town";
import { signSessionToken } from "../auth/tokens.ts";
import type { SealingKey } from "../credentials/seal.ts";
import type { SigningKey } from "../ports.ts";
import { renderPrompt } from "../prompts/prompt.ts";
import { recapOf } from "../prompts/recap.ts";
import { openedLaunch } from "./launch.ts";

/** The tools' entry in the agent: its name may become a prefix of the tools' names there. */
const MCP_NAME = "gastown";

export interface StartPorts {
  /** Open the secrets among a town's variables. */
  sealingKeys?: readonly SealingKey[];
  keys: readonly SigningKey[];
  publicUrl: string;
}

/** For a session that goes on, or is opened ahead of its time: what cannot be read of its secrets is left out. */
export async function startRequestOf(
  ports: StartPorts,
  townId: string,
  plan: LaunchPlan,
  now: number,
): Promise<StartRequest> {
  return (await startOf(ports, townId, plan, now)).request;
}

/** The same for an effect and for a runner that registers anew; signs a new token (`now`: epoch ms). */
export async function startOf(
  ports: StartPorts,
  townId: string,
  plan: LaunchPlan,
  now: number,
): Promise<{ request: StartRequest; refusal: FailureReason | null }> {
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
  const { launch, refusal } = await openedLaunch(ports, townId, plan);
  const request: StartRequest = {
    ...rest,
    ...launch,
    // The mayor waits for a message; everybody else begins with the work.
    prompt: plan.role === "mayor" ? null : renderPrompt(prime),
    mcp: { name: MCP_NAME, url, token },
    recap: recapOf(recap),
  };
  return { request, refusal };
}
