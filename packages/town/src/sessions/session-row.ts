/** The stored session: one attempt of one agent at one bead, a lease with a fencing token. */
import { GastownError, type Role, type SessionOutcome, type SessionState } from "@gastown/protocol";
import { SECOND, type Ctx } from "../kernel/context.ts";
import type { Row } from "../kernel/sql.ts";

export type SessionRow = Row & {
  id: string;
  agent_id: string;
  role: Role;
  bead_id: string | null;
  rig_id: string | null;
  epoch: number;
  state: SessionState;
  busy: number;
  outcome: SessionOutcome | null;
  reason: string | null;
  /** 1 once the runner said that the agent is gone and its work saved. */
  gone: number;
  stop_requested: string | null;
  lease_expires_at: number;
  deadline: number | null;
  last_event_at: number;
  waiting_since: number | null;
  active_tools: string;
  /** JSON of `ModelWait`; null: it waits for no model. */
  model_wait: string | null;
  /** JSON of `SessionLog[]`; null: none. */
  logs: string | null;
  runtime: string;
  model: string | null;
  /** Null: as the settings say. */
  small_model: string | null;
  /** 1: a person chose the models of this session; settings do not change them. */
  model_pinned: number;
  /** Of the settings that it was begun with. */
  config_version: number;
  /** 1: a runner had it opened before anybody talked to it; 2: and somebody has since. */
  prewarmed: number;
  /** 1: a mayor session that began a new conversation on purpose. */
  fresh: number;
  branch: string | null;
  start_point: string | null;
  target: string | null;
  start_head: string | null;
  allow_rewrite: number;
  head_sha: string | null;
  work_ref: string | null;
  /** What the settle under way has committed, as far as its runner has said. */
  settle_head: string | null;
  checkpoint: string | null;
  status_text: string | null;
  phase: string | null;
  conversation_id: string | null;
  prompted: number;
  tools_listed: number;
  settle_id: string | null;
  settle_no_changes: number;
  settle_summary: string | null;
  settle_state: string | null;
  tokens_in: number;
  tokens_out: number;
  usd: number;
  usd_known: number;
  /** The life (epoch) whose reports are added to what the lives before it had used. */
  usage_epoch: number;
  before_in: number;
  before_out: number;
  before_usd: number;
  /** The issue and the convoy whose budgets it is charged to; its rig and its day follow by themselves. */
  charged_bead: string | null;
  charged_convoy: string | null;
  reserved_tokens: number;
  reserved_usd: number;
  /** Patience with its silence: the tier that was acted on, for the silence since `quiet_from`. */
  quiet_tier: number;
  quiet_from: number;
  transcript_seq: number;
  started_at: number;
  ended_at: number | null;
  version: number;
};

/** A lease lives this long after the last sign of life (spec/town.md §5). */
export const LEASE = 90 * SECOND;
/** A start is sent again for this long; then only its lease decides. */
export const START_DEADLINE = 60 * SECOND;
/** How long a settle may take. */
export const SETTLE_DEADLINE = 600 * SECOND;
/** How long a session that was asked to stop may take to save its work. */
export const STOP_DEADLINE = 600 * SECOND;

export function sessionRow(ctx: Ctx, id: string): SessionRow | undefined {
  return ctx.sql.get<SessionRow>("select * from sessions where id = ?", id);
}

export function findSession(ctx: Ctx, ref: string): SessionRow {
  const exact = sessionRow(ctx, ref);
  if (exact) return exact;
  const ending = ref.replace(/^sess_/, "").toLowerCase();
  const rows = ctx.sql.all<SessionRow>("select * from sessions where ending = ? limit 2", ending);
  const [only] = rows;
  if (only && rows.length === 1) return only;
  throw new GastownError(
    "not_found",
    `There is no session ${ref} in this town. gastown session list shows them.`,
  );
}

export function liveSessionOfBead(ctx: Ctx, beadId: string): SessionRow | undefined {
  return ctx.sql.get<SessionRow>("select * from sessions where bead_id = ? and state <> 'ended'", beadId);
}

export function liveSessions(ctx: Ctx): SessionRow[] {
  return ctx.sql.all<SessionRow>(
    "select * from sessions where state <> 'ended' order by role = 'mayor' desc, started_at, id",
  );
}

/** The next fencing number: one counter per town. */
export function nextEpoch(ctx: Ctx): number {
  return (
    ctx.sql.get<{ epoch: number }>("update town set epoch = epoch + 1 where id = 1 returning epoch")?.epoch ??
    1
  );
}
