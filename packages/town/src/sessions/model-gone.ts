/**
 * A provider whose model has not answered for as long as a session may wait (spec/runner.md §4): its sessions
 * are evicted and its starts refused, which counts nowhere, so a person would never hear of it. One question is
 * open per provider and key, until something comes from there again or the settings name other ones. The same
 * for a model that the agents of a role do not have.
 */
import { shortId, type EffectiveConfig, type FailureReason } from "@gastown/protocol";
import { escalate, mootEscalations } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { choiceOf } from "./chosen.ts";
import { passingRefusal } from "./refusals.ts";
import type { SessionRow } from "./session-row.ts";

/** The escalations' category. */
export const MODEL_GONE = "model_unavailable";
/** Of a model that one bead alone wants. */
export const BEAD_MODEL_GONE = "bead_model_unavailable";

const subjectOf = (key: string): string => `model:${key}`;

/** Of a session that was evicted; nothing unless that was for its model. */
export function tellOfProvider(ctx: Ctx, session: SessionRow, reason: FailureReason): void {
  if (reason.code !== MODEL_GONE || reason.provider === undefined) return;
  const { key, name } = reason.provider;
  escalate(ctx, {
    severity: "high",
    category: MODEL_GONE,
    subject: subjectOf(key),
    title: `The model does not answer: ${name}`,
    body: bodyOf(session, reason, name),
    source: {
      rigId: session.rig_id ?? undefined,
      beadId: session.bead_id ?? undefined,
      sessionId: session.id,
    },
  });
}

function bodyOf({ runtime }: SessionRow, { message, until }: FailureReason, name: string): string {
  const next = until === undefined ? "" : `, next at ${iso(until)}`;
  return `${message}

All work that needs it waits. No attempt is counted, and what was done so far is saved. It is asked again by itself${next}; this question closes as soon as it answers.

What helps at once:
- another model: gastown config set default_model=<provider>/<model>, or role_models.<role>=…
- another key: gastown config set env.<VARIABLE>=-, or log in anew with the agent's own program (${runtime})
- more credit, or a higher limit, at ${name}`;
}

/** Of a start that was refused because its agent does not offer the model that is set for its role, or its bead. */
export function tellOfMissingModel(ctx: Ctx, session: SessionRow, reason: FailureReason): void {
  const own = wantsOwnModel(ctx, session);
  const whose = own
    ? "This bead has a model of its own, and waits"
    : `All work for which a ${session.role} must begin waits`;
  const other = own
    ? `gastown bead edit ${shortId(own)} --model <provider>/<model>, or --model default for the one that is set`
    : `gastown config set role_models.${session.role}=<provider>/<model>, or default_model=…`;
  escalate(ctx, {
    severity: "high",
    ...missing(ctx, session),
    title: `The ${session.role}'s agent does not have its model`,
    body: `${reason.message} ${reason.action ?? ""}

${whose}; no attempt is counted. It is tried again every 10 min, and at once when that is changed; this question closes as soon as one has begun.

What helps:
- another model: ${other}
- the login of the agent's own program (${session.runtime}), should it offer that model only then`,
    source: {
      rigId: session.rig_id ?? undefined,
      beadId: session.bead_id ?? undefined,
      sessionId: session.id,
    },
  });
}

/** Rigs may have models of their own: a session with another one proves nothing. A bead's ends with the bead. */
function missing(ctx: Ctx, session: SessionRow): { category: string; subject: string } {
  const { role, runtime, model } = session;
  const own = wantsOwnModel(ctx, session);
  if (own !== null) return { category: BEAD_MODEL_GONE, subject: own };
  return { category: MODEL_GONE, subject: subjectOf(`${runtime} ${role} ${model ?? ""}`) };
}

/** The bead that says itself which model it wants; null: the settings do. */
function wantsOwnModel(ctx: Ctx, session: SessionRow): string | null {
  return choiceOf(ctx, session).model === null ? null : session.bead_id;
}

/** Another model or runtime holds for that bead: its next start is tried at once where it rested for the last one. */
export function choiceChanged(ctx: Ctx, beadId: string): void {
  mootEscalations(ctx, beadId, BEAD_MODEL_GONE);
  if (passingRefusal(ctx, beadId)?.code === MODEL_GONE)
    ctx.sql.run("update beads set cooldown_until = ? where id = ?", ctx.now, beadId);
}

/** A session has begun, so its agent has the model that is set for it. */
export function modelIsThere(ctx: Ctx, session: SessionRow): void {
  const { category, subject } = missing(ctx, session);
  mootEscalations(ctx, subject, category);
}

/** Something came from a model there. */
export function providerAnswers(ctx: Ctx, key: string): void {
  mootEscalations(ctx, subjectOf(key), MODEL_GONE);
}

/** Whether other models, runtimes or keys hold now: what did not answer may not be asked any more. */
export function namesOthers(before: EffectiveConfig, after: EffectiveConfig): boolean {
  const parts = ({ models, role_runtimes, env }: EffectiveConfig): string => {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    return JSON.stringify([models, role_runtimes, variables.toSorted()]);
  };
  return parts(before) !== parts(after);
}

/** Should it still be asked, and not answer, that is told again. */
export function forgetProviders(ctx: Ctx): void {
  const open = ctx.sql.all<{ subject: string }>(
    "select subject from escalations where category = ? and open = 1 and subject >= 'model:' and subject < 'model;'",
    MODEL_GONE,
  );
  for (const { subject } of open) mootEscalations(ctx, subject, MODEL_GONE);
}
