/** All of a start that does not hold a secret: one place, whoever asks (decision 6). */
import type { EffectiveConfig, GitIdentity, RigRef } from "@gastown/protocol";
import { agentRow } from "../agents/agents.ts";
import { configVersion, settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { rigRows, type RigRow } from "../rigs/rigs.ts";
import type { LaunchPlan } from "../town.ts";
import { prime } from "./prime.ts";
import type { SessionRow } from "./session-row.ts";

/** Null when its rig is gone: then there is nothing to start. */
export function launchPlan(ctx: Ctx, session: SessionRow): LaunchPlan | null {
  const rig = session.rig_id
    ? ctx.sql.get<RigRow>("select * from rigs where id = ?", session.rig_id)
    : undefined;
  if (session.rig_id && !rig) return null;
  const agent = agentRow(ctx, session.agent_id);
  const config = settings(ctx, session.rig_id);
  const { role } = session;
  const bead = session.bead_id
    ? ctx.sql.get<{ id: string; title: string }>("select id, title from beads where id = ?", session.bead_id)
    : undefined;
  return {
    session_id: session.id,
    epoch: session.epoch,
    agent: { id: agent.id, name: agent.name },
    role: session.role,
    rig: rig ? toRigRef(rig) : null,
    checkouts:
      session.role === "mayor"
        ? rigRows(ctx)
            .filter((row) => row.state === "ready")
            .map(toRigRef)
        : [],
    bead: bead ? { id: bead.id, title: bead.title } : null,
    runtime: session.runtime,
    model: session.model,
    small_model: config.models.small || null,
    branch: session.branch,
    start_point: session.start_point,
    target: session.target,
    start_head: session.start_head,
    allow_rewrite: session.allow_rewrite === 1,
    author: author(ctx, session.rig_id, agent.name),
    coauthor:
      config.git.ai_coauthor && session.model ? `${session.model} <${config.git.author_email}>` : null,
    settings: {
      config_version: configVersion(ctx, session.rig_id),
      env: config.env,
      permission: config.permissions[role],
      setup: config.setup,
      sessions_per_process: config.runner.sessions_per_process,
      process_idle_minutes: config.runner.process_idle_minutes,
      turn_idle_minutes:
        role === "refinery"
          ? config.runner.turn_idle_minutes.refinery
          : config.runner.turn_idle_minutes.polecat,
    },
    resume: session.state !== "starting",
    resume_from: session.conversation_id,
    prime: prime(ctx, session),
    peers: peers(config, role),
  };
}

/** A process allows the same to all of its sessions, so only roles with the same permission share one. */
function peers(config: EffectiveConfig, role: keyof EffectiveConfig["permissions"]): LaunchPlan["peers"] {
  const roles = ["mayor", "polecat", "refinery", "triage"] as const;
  return roles
    .filter((other) => config.permissions[other] === config.permissions[role])
    .map((other) => ({ role: other, instructions: config.instructions[other] }));
}

export function toRigRef(rig: RigRow): RigRef {
  return { id: rig.id, name: rig.name, git_url: rig.git_url, default_branch: rig.default_branch ?? "main" };
}

/** Who a commit is by: the setting, else the agent's name at the bot's address. */
export function author(ctx: Ctx, rigId: string | null, agentName: string): GitIdentity {
  const { git } = settings(ctx, rigId);
  return { name: git.author_name ?? agentName, email: git.author_email };
}
