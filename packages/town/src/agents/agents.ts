/** Agents: identities with a role. What people see of one is derived from its session. */
import { GastownError, shortId, type Agent, type AgentStatus, type Role } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso, isoOrNull } from "../kernel/iso.ts";
import type { Row } from "../kernel/sql.ts";
import { freeName } from "./names.ts";

export type AgentRow = Row & {
  id: string;
  name: string;
  role: Role;
  rig_id: string | null;
  status_text: string | null;
  status_at: number | null;
  created_at: number;
  used_at: number;
  version: number;
};

type Candidate = AgentRow & { live: number; gone: number };

/** Polecats get this many slots per running one, so that nobody waits for the end of another's turn. */
const POLECAT_SLOTS = 2;

/**
 * An idle agent of that rig and role, or a new one. The one used last comes first, because its
 * directory is warm; one whose last session is still ending in the runner only when there is no
 * other, because its next start would have to wait for that turn.
 */
export function idleAgent(
  ctx: Ctx,
  role: Role,
  rigId: string | null,
  limit: number,
  wish: { prefer: string | null; avoid: string | null } = { prefer: null, avoid: null },
): AgentRow {
  const candidates = ctx.sql.all<Candidate>(
    `select a.*,
       exists (select 1 from sessions s where s.agent_id = a.id and s.state <> 'ended') as live,
       coalesce((select s.gone from sessions s where s.agent_id = a.id order by s.started_at desc limit 1), 1) as gone
     from agents a where a.role = ?1 and a.rig_id is ?2 order by a.used_at desc, a.id`,
    role,
    rigId,
  );
  const idle = candidates.filter((agent) => agent.live === 0 && agent.id !== wish.avoid);
  const preferred = idle.find((agent) => agent.id === wish.prefer);
  if (preferred) return preferred;
  const warm = idle.find((agent) => agent.gone === 1);
  if (warm) return warm;
  const ending = idle.at(-1);
  const slots = role === "polecat" ? limit * POLECAT_SLOTS : limit;
  return ending && candidates.length >= slots ? ending : newAgent(ctx, role, rigId);
}

function newAgent(ctx: Ctx, role: Role, rigId: string | null): AgentRow {
  const id = ctx.id("agent");
  const taken = new Set(ctx.sql.all<{ name: string }>("select name from agents").map((row) => row.name));
  const name = role === "mayor" ? "Mayor" : freeName(taken);
  ctx.sql.run(
    "insert into agents (id, name, role, rig_id, created_at, used_at) values (?, ?, ?, ?, ?, ?)",
    id,
    name,
    role,
    rigId,
    ctx.now,
    ctx.now,
  );
  const seq = audit(ctx, {
    kind: "agent.created",
    subject: { type: "agent", id },
    agentId: id,
    rigId,
    text: `${name} joins as ${role}`,
    data: { role },
  });
  ctx.sql.run("update agents set version = ? where id = ?", seq, id);
  return agentRow(ctx, id);
}

export function agentRow(ctx: Ctx, id: string): AgentRow {
  const row = ctx.sql.get<AgentRow>("select * from agents where id = ?", id);
  if (!row) throw new Error(`agent ${id} is missing`);
  return row;
}

/** By id, by an unambiguous id ending, or by name. Throws `not_found`. */
export function findAgent(ctx: Ctx, ref: string): AgentRow {
  const exact = ctx.sql.get<AgentRow>("select * from agents where id = ?1 or lower(name) = lower(?1)", ref);
  if (exact) return exact;
  const ending = ref.replace(/^agent_/, "").toUpperCase();
  const rows = ctx.sql.all<AgentRow>("select * from agents");
  const matches = ending.length < 4 ? [] : rows.filter((agent) => agent.id.endsWith(ending));
  const [only] = matches;
  if (only && matches.length === 1) return only;
  throw new GastownError(
    "not_found",
    rows.length === 0
      ? `There is no agent ${ref}: nobody works here yet.`
      : `There is no agent ${ref} in this town. gastown agents shows who there is.`,
  );
}

type LiveSession = {
  id: string;
  bead_id: string | null;
  state: string;
  busy: number;
  stop_requested: string | null;
  last_event_at: number;
  quiet_tier: number;
  quiet_from: number;
};

function statusOf(agent: AgentRow, session: LiveSession | undefined): AgentStatus {
  if (!session) return "idle";
  if (session.stop_requested !== null) return "stopping";
  if (session.state === "starting") return "starting";
  if (agent.role === "mayor" && session.busy === 0) return "waiting";
  return session.quiet_tier > 0 && session.quiet_from === session.last_event_at ? "stalled" : "working";
}

export function toAgent(ctx: Ctx, row: AgentRow): Agent {
  const session = ctx.sql.get<LiveSession>(
    "select id, bead_id, state, busy, stop_requested, last_event_at, quiet_tier, quiet_from from sessions where agent_id = ? and state <> 'ended'",
    row.id,
  );
  return {
    id: row.id,
    shortId: shortId(row.id),
    name: row.name,
    role: row.role,
    rigId: row.rig_id,
    status: statusOf(row, session),
    message:
      row.status_text === null ? null : { text: row.status_text, at: iso(row.status_at ?? row.created_at) },
    beadId: session?.bead_id ?? null,
    sessionId: session?.id ?? null,
    lastActivityAt: isoOrNull(session?.last_event_at ?? null),
    createdAt: iso(row.created_at),
    version: row.version,
  };
}
