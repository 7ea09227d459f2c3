/** All of a start that does not hold a secret: one place, whoever asks (decision 6). */
import type { EffectiveConfig, GitIdentity, RigRef, Role } from "@gastown/protocol";
import { agentRow } from "../agents/agents.ts";
import { settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { rigRows, type RigRow } from "../rigs/rigs.ts";
import { lastTurns } from "../mayor/turns.ts";
import type { LaunchPlan, SessionLaunchPlan } from "../town.ts";
import { townRow } from "../town-row.ts";
import { prime } from "./prime.ts";
import type { SessionRow } from "./session-row.ts";

interface LaunchOf {
  role: Role;
  rigId: string | null;
  agentName: string;
  runtime: string;
  model: string | null;
  /** Null: as the settings say. */
  smallModel: string | null;
}

/**
 * What a session is launched with, whichever it is: for a start, a prewarm, a change of settings and
 * what a runner is told of the next start. What is not from here cannot differ between them.
 */
export function launchOf(ctx: Ctx, of: LaunchOf): SessionLaunchPlan {
  const config = settings(ctx, of.rigId);
  const { role, model } = of;
  return {
    role,
    instructions: config.instructions[role],
    peers: peers(config, role),
    runtime: of.runtime,
    model,
    small_model: of.smallModel ?? (config.models.small || null),
    author: author(ctx, of.rigId, of.agentName),
    coauthor: config.git.ai_coauthor && model ? `${model} <${config.git.author_email}>` : null,
    settings: {
      config_version: townRow(ctx).config_version,
      env: config.env,
      permission: config.permissions[role],
      setup: config.setup,
      sessions_per_process: config.runner.sessions_per_process,
      process_idle_minutes: config.runner.process_idle_minutes,
      process_memory_mb: config.runner.process_memory_mb,
      turn_idle_minutes:
        role === "refinery"
          ? config.runner.turn_idle_minutes.refinery
          : config.runner.turn_idle_minutes.polecat,
    },
  };
}

/** The same for a session that exists. */
export function launchOfSession(ctx: Ctx, session: SessionRow): SessionLaunchPlan {
  return launchOf(ctx, {
    role: session.role,
    rigId: session.rig_id,
    agentName: agentRow(ctx, session.agent_id).name,
    runtime: session.runtime,
    model: session.model,
    smallModel: session.small_model,
  });
}

/** Null when its rig is gone: then there is nothing to start. */
export function launchPlan(ctx: Ctx, session: SessionRow): LaunchPlan | null {
  const rig = session.rig_id
    ? ctx.sql.get<RigRow>("select * from rigs where id = ?", session.rig_id)
    : undefined;
  if (session.rig_id && !rig) return null;
  const agent = agentRow(ctx, session.agent_id);
  const bead = session.bead_id
    ? ctx.sql.get<{ id: string; title: string }>("select id, title from beads where id = ?", session.bead_id)
    : undefined;
  const isMayor = session.role === "mayor";
  const isBegun = session.state !== "starting";
  return {
    ...launchOfSession(ctx, session),
    session_id: session.id,
    epoch: session.epoch,
    agent: { id: agent.id, name: agent.name },
    rig: rig ? toRigRef(ctx, rig) : null,
    checkouts: isMayor
      ? rigRows(ctx)
          .filter((row) => row.state === "ready")
          .map((row) => toRigRef(ctx, row))
      : [],
    bead: bead ? { id: bead.id, title: bead.title } : null,
    branch: session.branch,
    // Where its disk is gone it goes on from what was saved; else it goes on in its own worktree.
    start_point: isBegun ? (session.work_ref ?? session.start_point) : session.start_point,
    target: session.target,
    start_head: session.start_head,
    allow_rewrite: session.allow_rewrite === 1,
    resume: isBegun,
    settling:
      session.state === "settling" && session.settle_id !== null
        ? { settle_id: session.settle_id, head_sha: session.settle_head }
        : null,
    resume_from: session.conversation_id,
    prime: prime(ctx, session),
    recap: isMayor && session.fresh === 0 ? lastTurns(ctx) : [],
  };
}

/** A process allows the same to all of its sessions, so only roles with the same permission share one. */
function peers(
  config: EffectiveConfig,
  role: keyof EffectiveConfig["permissions"],
): SessionLaunchPlan["peers"] {
  const roles = ["mayor", "polecat", "refinery", "triage"] as const;
  return roles
    .filter((other) => config.permissions[other] === config.permissions[role])
    .map((other) => ({ role: other, instructions: config.instructions[other] }));
}

const PUSH_OPTION = "--push-option=";

export function toRigRef(ctx: Ctx, rig: RigRow): RigRef {
  const { submodules, lfs, push_flags: flags } = settings(ctx, rig.id).git;
  const options = flags
    .filter((flag) => flag.startsWith(PUSH_OPTION))
    .map((flag) => flag.slice(PUSH_OPTION.length));
  return {
    id: rig.id,
    name: rig.name,
    git_url: rig.git_url,
    default_branch: rig.default_branch ?? "main",
    ...(submodules ? { submodules } : {}),
    ...(lfs ? { lfs } : {}),
    ...(options.length > 0 ? { push_options: options } : {}),
  };
}

/** Who a commit is by: the setting, else the agent's name at the bot's address. */
export function author(ctx: Ctx, rigId: string | null, agentName: string): GitIdentity {
  const { git } = settings(ctx, rigId);
  return { name: git.author_name ?? agentName, email: git.author_email };
}
