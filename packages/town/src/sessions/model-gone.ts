/**
 * A provider whose model has not answered for as long as a session may wait (spec/runner.md §4): its sessions
 * are evicted and its starts refused, which counts nowhere, so a person would never hear of it. One question is
 * open per provider and key, until something comes from there again or the settings name other ones. The same
 * for a model that the agents of a role do not have.
 */
import type { EffectiveConfig, FailureReason } from "@gastown/protocol";
import { escalate, mootEscalations } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import type { SessionRow } from "./session-row.ts";

/** The escalations' category. */
export const MODEL_GONE = "model_unavailable";

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

/** Of a start that was refused because its agent does not offer the model that is set for its role. */
export function tellOfMissingModel(ctx: Ctx, session: SessionRow, reason: FailureReason): void {
  escalate(ctx, {
    severity: "high",
    category: MODEL_GONE,
    subject: missingSubject(session),
    title: `The ${session.role}'s agent does not have its model`,
    body: `${reason.message} ${reason.action ?? ""}

All work for which a ${session.role} must begin waits; no attempt is counted. It is tried again every 10 min, and at once when settings change; this question closes as soon as one has begun.

What helps:
- another model: gastown config set role_models.${session.role}=<provider>/<model>, or default_model=…
- the login of the agent's own program (${session.runtime}), should it offer that model only then`,
    source: {
      rigId: session.rig_id ?? undefined,
      beadId: session.bead_id ?? undefined,
      sessionId: session.id,
    },
  });
}

/** Rigs may have models of their own: a session with another one proves nothing. */
function missingSubject({ role, runtime, model }: SessionRow): string {
  return subjectOf(`${runtime} ${role} ${model ?? ""}`);
}

/** A session has begun, so its agent has the model that is set for it. */
export function modelIsThere(ctx: Ctx, session: SessionRow): void {
  mootEscalations(ctx, missingSubject(session), MODEL_GONE);
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
