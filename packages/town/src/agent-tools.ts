/** What agents do by their tools (spec/api.md §4). Fencing first: the session's row decides. */
import { GastownError } from "@gastown/protocol";
import { audit } from "./audit/audit.ts";
import { escalate, findEscalation, questionsOf, toEscalation } from "./escalations/escalations.ts";
import type { Access, Ctx } from "./kernel/context.ts";
import { acknowledgeMail, claimMail, sendMail } from "./mail/mail.ts";
import { toJson } from "./kernel/json.ts";
import { giveVerdict } from "./reviews/verdict.ts";
import { renewLease, touch } from "./sessions/lease.ts";
import { prime } from "./sessions/prime.ts";
import { requestDone, settleState } from "./sessions/settle.ts";
import { sessionRow, type SessionRow } from "./sessions/session-row.ts";
import { askTriageAbout, isForTriage } from "./triage/questions.ts";
import { resolveTriage } from "./triage/resolve.ts";
import type { Actor, SessionClaims, SessionContext, Town } from "./town.ts";

type AgentTools = Pick<
  Town,
  | "authorizeSession"
  | "prime"
  | "toolsListed"
  | "hasListedTools"
  | "toolCalled"
  | "checkMail"
  | "sendMailAs"
  | "setStatusText"
  | "checkpoint"
  | "escalate"
  | "requestDone"
  | "settleState"
  | "resolveTriage"
  | "giveVerdict"
>;

/** Asking once more may mean that the answer was lost: what they showed is shown again. */
const SHOWS_MAIL: readonly string[] = ["gt_prime", "gt_mail_check"];

const FENCED = "This session is over and its work is saved. Stop now; nothing you do is kept.";

export function agentTools({ read, write }: Access): AgentTools {
  const actorOf = (session: SessionRow): Actor => ({
    kind: "agent",
    id: session.agent_id,
    name:
      read((ctx) => ctx.sql.get<{ name: string }>("select name from agents where id = ?", session.agent_id))
        ?.name ?? "agent",
  });
  const any = (id: string): SessionRow => {
    const session = read((ctx) => sessionRow(ctx, id));
    if (!session) throw new GastownError("session_fenced", FENCED);
    return session;
  };
  const live = (id: string): SessionRow => {
    const session = any(id);
    if (session.state === "ended" || session.stop_requested !== null)
      throw new GastownError("session_fenced", FENCED);
    return session;
  };
  const as = <T>(session: SessionRow, fn: (ctx: Ctx) => T): T => write(actorOf(session), fn);

  return {
    authorizeSession: (claims, options) =>
      read((ctx) => authorize(ctx, claims, options?.allowEnded === true)),
    prime: (id) => {
      const session = any(id);
      if (session.state === "ended") return read((ctx) => prime(ctx, session));
      return as(session, (ctx) => {
        claimMail(ctx, session);
        return prime(ctx, session);
      });
    },
    checkMail: (id) => {
      const session = live(id);
      return as(session, (ctx) => claimMail(ctx, session));
    },
    sendMailAs: (id, mail) => {
      const session = live(id);
      return as(session, (ctx) => sendMail(ctx, mail));
    },
    toolsListed: (id) => {
      const session = live(id);
      as(session, (ctx) => toolsListed(ctx, session));
    },
    hasListedTools: (id) => read((ctx) => sessionRow(ctx, id)?.tools_listed === 1),
    toolCalled: (id, tool) => {
      const session = any(id);
      if (session.state === "ended") return;
      as(session, (ctx) => {
        touch(ctx, id);
        renewLease(ctx, session);
        if (!SHOWS_MAIL.includes(tool)) acknowledgeMail(ctx, session);
      });
    },
    setStatusText: (id, text) => {
      const session = live(id);
      as(session, (ctx) => setStatusText(ctx, session, text));
    },
    checkpoint: (id, data) => {
      const session = live(id);
      as(session, (ctx) =>
        ctx.sql.run("update sessions set checkpoint = ? where id = ?", toJson(data), session.id),
      );
    },
    escalate: (id, input) => {
      const session = live(id);
      return as(session, (ctx) => {
        const same = openQuestion(ctx, session, input.title);
        if (same !== null) return toEscalation(ctx, findEscalation(ctx, same));
        const severity = input.severity ?? "medium";
        const routed = isForTriage(ctx, session, severity);
        const escalation = escalate(ctx, {
          severity,
          routedTo: routed ? "triage" : undefined,
          category: input.category ?? "question",
          subject: questionSubject(ctx, session),
          title: input.title,
          body: input.body ?? "",
          source: {
            rigId: session.rig_id ?? undefined,
            beadId: session.bead_id ?? undefined,
            sessionId: session.id,
          },
        });
        if (routed) askTriageAbout(ctx, escalation, session);
        return toEscalation(ctx, findEscalation(ctx, escalation));
      });
    },
    requestDone: (id, input) => {
      const session = any(id);
      if (session.stop_requested !== null && session.state !== "ended")
        throw new GastownError("session_fenced", FENCED);
      return as(session, (ctx) => requestDone(ctx, session, input));
    },
    settleState: (id, settleId) => read((ctx) => settleState(ctx, id, settleId)),
    resolveTriage: (id, input) => {
      const session = live(id);
      return as(session, (ctx) => resolveTriage(ctx, session.id, input));
    },
    giveVerdict: (id, verdict) => {
      const session = any(id);
      if (session.stop_requested !== null && session.state !== "ended")
        throw new GastownError("session_fenced", FENCED);
      return as(session, (ctx) => giveVerdict(ctx, session, verdict));
    },
  };
}

/** An open one with the same title from the same bead is not doubled (spec/api.md §4.2). */
function openQuestion(ctx: Ctx, session: SessionRow, title: string): string | null {
  const row = ctx.sql.get<{ id: string }>(
    `select id from beads where type = 'escalation' and status = 'open' and title = ?1
       and (parent_id = ?2 or (?2 is null and id in (select bead_id from escalations where subject >= ?3 and subject < ?4)))`,
    title.slice(0, 300),
    session.bead_id,
    ...questionsOf(session.id),
  );
  return row?.id ?? null;
}

/** One session may have more than one question: each is a subject of its own. */
function questionSubject(ctx: Ctx, session: SessionRow): string {
  const [first, end] = questionsOf(session.id);
  const asked = ctx.sql.get<{ n: number }>(
    "select count(*) as n from escalations where subject >= ? and subject < ?",
    first,
    end,
  );
  const n = asked?.n ?? 0;
  return n === 0 ? first : `${first}#${n + 1}`;
}

/** Live, same epoch, same agent: else `session_fenced` and nothing changes (spec/api.md §2.5). */
function authorize(ctx: Ctx, claims: SessionClaims, allowEnded: boolean): SessionContext {
  const session = sessionRow(ctx, claims.sessionId);
  const matches = session && session.epoch === claims.epoch && session.agent_id === claims.agentId;
  if (!matches || (session.state === "ended" && !allowEnded))
    throw new GastownError("session_fenced", FENCED);
  const agent = ctx.sql.get<{ name: string }>("select name from agents where id = ?", session.agent_id);
  return {
    sessionId: session.id,
    epoch: session.epoch,
    role: session.role,
    agent: { id: session.agent_id, name: agent?.name ?? session.agent_id },
    rigId: session.rig_id,
    beadId: session.bead_id,
    live: session.state !== "ended",
  };
}

function toolsListed(ctx: Ctx, session: SessionRow): void {
  ctx.sql.run("update sessions set tools_listed = 1 where id = ?", session.id);
  touch(ctx, session.id);
}

function setStatusText(ctx: Ctx, session: SessionRow, text: string): void {
  ctx.sql.run("update sessions set status_text = ? where id = ?", text, session.id);
  ctx.sql.run(
    "update agents set status_text = ?, status_at = ? where id = ?",
    text,
    ctx.now,
    session.agent_id,
  );
  touch(ctx, session.id);
  audit(ctx, {
    kind: "agent.status",
    subject: { type: "agent", id: session.agent_id },
    agentId: session.agent_id,
    sessionId: session.id,
    beadId: session.bead_id,
    rigId: session.rig_id,
    text: `${ctx.actor.name}: ${text}`,
  });
}
