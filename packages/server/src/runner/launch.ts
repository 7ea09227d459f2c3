/** A session's launch settings as its runner is sent them, and one text that changes with all of them. */
import type { FailureReason, SessionLaunch } from "@gastown/protocol";
import type { SessionLaunchPlan } from "@gastown/town";
import { openEnv, unreadableReason } from "../config/env-secrets.ts";
import type { SealingKey } from "../credentials/seal.ts";
import { canonical } from "../kernel/canonical.ts";
import { sha256Hex } from "../kernel/hash.ts";
import { roleInstructions } from "../prompts/role.ts";

/** Adds the role's words, and opens no secret; the same for a start, a change of settings and the mayor's context. */
export function sessionLaunch(plan: SessionLaunchPlan): SessionLaunch {
  const { runtime, model, small_model, author, coauthor, settings } = plan;
  return {
    runtime,
    model,
    small_model,
    author,
    coauthor,
    settings,
    system: roleInstructions(plan),
    modes: plan.peers.map((peer) => ({ role: peer.role, system: roleInstructions(peer) })),
  };
}

/** The same with the secrets of its variables, for the runner and nobody else; at the moment of use. */
export async function openedLaunch(
  { sealingKeys = [] }: { sealingKeys?: readonly SealingKey[] },
  townId: string,
  plan: SessionLaunchPlan,
): Promise<{ launch: SessionLaunch; refusal: FailureReason | null }> {
  const launch = sessionLaunch(plan);
  const opened = await openEnv(sealingKeys, townId, launch.settings.env);
  const secret = opened.secret.length === 0 ? {} : { secret_env: opened.secret };
  return {
    launch: { ...launch, settings: { ...launch.settings, env: opened.env, ...secret } },
    refusal: unreadableReason(opened),
  };
}

/** Equal for equal launches, whatever the version of the settings; holds no secret. */
export function specVersion(launch: SessionLaunch): Promise<string> {
  const { config_version: _version, ...settings } = launch.settings;
  return sha256Hex(canonical({ ...launch, settings }));
}
