/** A session's launch settings as its runner is sent them, and one text that changes with all of them. */
import type { SessionLaunch } from "@gastown/protocol";
import type { SessionLaunchPlan } from "@gastown/town";
import { canonical } from "../kernel/canonical.ts";
import { sha256Hex } from "../kernel/hash.ts";
import { roleInstructions } from "../prompts/role.ts";

/** Adds the role's words; the same for a start, a change of settings and the mayor's context. */
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

/** Equal for equal launches, whatever the version of the settings; holds no secret. */
export function specVersion(launch: SessionLaunch): Promise<string> {
  const { config_version: _version, ...settings } = launch.settings;
  return sha256Hex(canonical({ ...launch, settings }));
}
