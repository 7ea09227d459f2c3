/**
 * What triage is asked to judge: agents that have been silent for an hour, and questions that are put
 * before it (spec/town.md §5, triage; `questions.ts`).
 *
 *   open   → judged     a triage session was given it, in a batch
 *   judged → resolved   by an action of that session
 *   judged → open       the session ended without one; after three attempts a person is asked
 *   open, judged → moot what it was about is over, the agent was heard of again, or somebody answered
 */
import { GastownError, type TriageAction, type TriageItem } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { escalate } from "../escalations/escalations.ts";
import { MINUTE, type Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import type { Row } from "../kernel/sql.ts";
import { sessionRow, type SessionRow } from "../sessions/session-row.ts";
import { addRequest } from "./new-request.ts";
import { handOn, isQuestionOver } from "./questions.ts";

export type TriageRow = Row & {
  seq: number;
  id: string;
  session_id: string;
  epoch: number;
  /** The agent's last sign when the request was made: a later one makes it moot. */
  seen_at: number;
  bead_id: string | null;
  agent_id: string;
  rig_id: string | null;
  /** The question that it is about; null: the silence of the session. */
  escalation_id: string | null;
  text: string;
  state: "open" | "judged" | "resolved" | "moot" | "given_up";
  attempts: number;
  batch: string | null;
  action: string | null;
  created_at: number;
};

const MAX_OPEN = 5;
const MAX_ATTEMPTS = 3;
const BATCH = 20;

const ACTIONS: readonly TriageAction[] = [
  "restart",
  "restart_with_backoff",
  "reassign",
  "nudge",
  "guide",
  "fail_bead",
  "escalate",
  "escalate_to_person",
  "discard",
];

/** A question is answered, given up with its bead, or handed on; none is dropped. */
const ABOUT_QUESTIONS: readonly TriageAction[] = ["guide", "fail_bead", "escalate", "escalate_to_person"];

/** Without a bead there is nothing to reassign or to fail; a review is given again by itself. */
export function offered(ctx: Ctx, row: TriageRow): TriageAction[] {
  const isWork = sessionRow(ctx, row.session_id)?.role === "polecat";
  const onlyWork: readonly TriageAction[] = ["restart_with_backoff", "reassign", "fail_bead"];
  return (row.escalation_id === null ? ACTIONS : ABOUT_QUESTIONS).filter(
    (action) => isWork || !onlyWork.includes(action),
  );
}

/** Asks for a judgement of a silent agent. Nothing that triage does makes one; five such may be open. */
export function askTriage(ctx: Ctx, session: SessionRow): void {
  if (session.role === "triage" || session.role === "mayor") return;
  const open =
    ctx.sql.get<{ n: number }>(
      "select count(*) as n from triage_requests where state in ('open', 'judged') and escalation_id is null",
    )?.n ?? 0;
  if (open >= MAX_OPEN) return;
  addRequest(ctx, session, {
    escalationId: null,
    text: describe(ctx, session),
    told: "Somebody has to judge why an agent is silent",
  });
}

/** What is known of it, as text for whoever judges. */
function describe(ctx: Ctx, session: SessionRow): string {
  const agent = ctx.sql.get<{ name: string }>("select name from agents where id = ?", session.agent_id);
  const bead = ctx.sql.get<{ title: string }>("select title from beads where id = ?", session.bead_id);
  const said = ctx.sql.all<{ data: string }>(
    "select data from transcript where session_id = ? order by seq desc limit 5",
    session.id,
  );
  return [
    `${agent?.name ?? session.agent_id} (${session.role}) at ${bead?.title ?? "no bead"}: nothing was heard of it for ${Math.floor((ctx.now - session.last_event_at) / MINUTE)} min.`,
    `Last status: ${session.status_text ?? "none"}`,
    ...said.toReversed().map(({ data }) => `Last in its transcript: ${data.slice(0, 600)}`),
  ].join("\n");
}

/** Open requests whose cause is gone are moot; the rest of the oldest are given to this session. */
export function takeBatch(ctx: Ctx, sessionId: string): number {
  const rows = ctx.sql.all<TriageRow>(
    "select * from triage_requests where state = 'open' order by seq limit ?",
    BATCH,
  );
  for (const row of rows)
    ctx.sql.run(
      "update triage_requests set state = 'judged', batch = ?, attempts = attempts + 1 where id = ?",
      sessionId,
      row.id,
    );
  return rows.length;
}

export function dropMoot(ctx: Ctx): void {
  for (const row of ctx.sql.all<TriageRow>("select * from triage_requests where state = 'open'"))
    if (isMoot(ctx, row)) settle(ctx, row, "moot", null, null);
}

export function anyOpen(ctx: Ctx): boolean {
  return ctx.sql.get("select id from triage_requests where state = 'open' limit 1") !== undefined;
}

/** The snapshot's session is over, lives in another way, or was heard of again; or the question is over. */
export function isMoot(ctx: Ctx, row: TriageRow): boolean {
  if (row.escalation_id !== null) return isQuestionOver(ctx, row.escalation_id);
  const session = sessionRow(ctx, row.session_id);
  return (
    !session ||
    session.state === "ended" ||
    session.stop_requested !== null ||
    session.last_event_at > row.seen_at
  );
}

export function settle(
  ctx: Ctx,
  row: TriageRow,
  state: "resolved" | "moot" | "given_up",
  action: string | null,
  notes: string | null,
): void {
  ctx.sql.run(
    "update triage_requests set state = ?, action = ?, notes = ?, resolved_at = ? where id = ?",
    state,
    action,
    notes,
    ctx.now,
    row.id,
  );
}

export function itemsFor(ctx: Ctx, sessionId: string): TriageItem[] {
  return ctx.sql
    .all<TriageRow>(
      "select * from triage_requests where batch = ? and state = 'judged' order by seq",
      sessionId,
    )
    .map((row) => ({
      id: row.id,
      type: row.escalation_id === null ? ("inactivity" as const) : ("question" as const),
      text: row.text,
      actions: offered(ctx, row),
    }));
}

/** One of this session's batch. Throws `not_found`, `outcome_recorded`. */
export function requestOf(ctx: Ctx, sessionId: string, id: string): TriageRow {
  const row = ctx.sql.get<TriageRow>(
    "select * from triage_requests where id = ? and batch = ?",
    id,
    sessionId,
  );
  if (!row)
    throw new GastownError("not_found", `There is no request ${id} in your batch. gt_prime lists them.`);
  if (row.state === "judged") return row;
  throw new GastownError(
    "outcome_recorded",
    `This request is settled already (${row.action ?? row.state}).`,
    {
      recorded: row.action,
    },
  );
}

/**
 * What it left undecided returns to the queue, or goes to a person. After a failed batch the queue rests;
 * one that was nobody's failure, like a start for which there was no room, is no attempt at all.
 */
export function triageSessionEnded(
  ctx: Ctx,
  session: SessionRow,
  { rest, counts }: { rest: number; counts: boolean },
): void {
  const left = ctx.sql.all<TriageRow>(
    "select * from triage_requests where batch = ? and state = 'judged'",
    session.id,
  );
  for (const row of left) {
    const attempts = counts ? row.attempts : row.attempts - 1;
    if (attempts < MAX_ATTEMPTS) {
      ctx.sql.run(
        "update triage_requests set state = 'open', batch = null, attempts = ? where id = ?",
        attempts,
        row.id,
      );
      continue;
    }
    giveUp(ctx, row, "Triage could not judge it in three attempts.");
  }
  if (rest > 0) ctx.sql.run("update town set triage_rest_until = ? where id = 1", ctx.now + rest);
  schedule(ctx, "triage", "triage");
}

/** Triage cannot, or may not spend more: a person is asked. */
function giveUp(ctx: Ctx, row: TriageRow, why: string): void {
  settle(ctx, row, "given_up", null, null);
  toPerson(ctx, row, why);
  audit(ctx, {
    kind: "triage.exhausted",
    subject: { type: "session", id: row.session_id },
    sessionId: row.session_id,
    beadId: row.bead_id,
    rigId: row.rig_id,
    text: `A person is asked instead of triage: ${why}`,
    data: { requestId: row.id },
  });
}

/** All that wait for a session of triage: none may start any more today. */
export function giveUpAll(ctx: Ctx, why: string): void {
  for (const row of ctx.sql.all<TriageRow>("select * from triage_requests where state = 'open' order by seq"))
    giveUp(ctx, row, why);
}

/** Never through triage again: a person looks at it. */
export function toPerson(ctx: Ctx, row: TriageRow, notes: string): void {
  if (row.escalation_id !== null) return handOn(ctx, row.escalation_id, notes, true);
  escalate(ctx, {
    severity: "high",
    category: "stalled_agent",
    subject: row.session_id,
    title: "An agent is silent and somebody has to look",
    body: `${notes}\n\n${row.text}`,
    source: {
      ...(row.rig_id === null ? {} : { rigId: row.rig_id }),
      ...(row.bead_id === null ? {} : { beadId: row.bead_id }),
      sessionId: row.session_id,
    },
  });
}

/** The session that requests were about is over. */
export function requestsOfEnded(ctx: Ctx, sessionId: string): void {
  for (const row of ctx.sql.all<TriageRow>(
    "select * from triage_requests where session_id = ? and state = 'open' and escalation_id is null",
    sessionId,
  ))
    settle(ctx, row, "moot", null, null);
}
