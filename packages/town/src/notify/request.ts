/** What an executor is given to tell a notifier (spec/town.md §4). */
import { notifyEvent, shortId, type Notice, type Notifier, type Severity } from "@gastown/protocol";
import { feedEntry } from "../audit/audit.ts";
import { settings } from "../config/settings.ts";
import { choicesOf, escalationRow } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import type { EffectRow } from "../outbox/outbox.ts";
import { townRow } from "../town-row.ts";
import { sealedAddress } from "./secrets.ts";

const LONGEST_DETAIL = 2_000;

/** What an executor needs to tell one notifier one thing. */
export interface NotifyRequest {
  kind: "notify";
  notifier: Notifier;
  /** Null: none is stored (the town was imported, say). */
  sealed: string | null;
  notice: Notice;
}

/** Null where the notifier was removed, or what it is about was pruned. */
export function notifyRequest(
  ctx: Ctx,
  row: EffectRow,
  payload: { notifierId?: string | undefined; seq?: number | undefined; severity?: Severity | undefined },
): NotifyRequest | null {
  const notifier = settings(ctx, null).notify.find(({ id }) => id === payload.notifierId);
  const entry = payload.seq === undefined ? undefined : feedEntry(ctx, payload.seq);
  if (notifier === undefined || entry === undefined) return null;
  const { at, subject, text, rigId, beadId, convoyId } = entry;
  const event = notifyEvent.safeParse(entry.kind);
  if (!event.success) return null;
  return {
    kind: "notify",
    notifier,
    sealed: sealedAddress(ctx, notifier.id),
    notice: {
      id: row.id,
      event: event.data,
      at,
      severity: payload.severity ?? "medium",
      town: town(ctx),
      subject,
      text,
      detail: detailOf(ctx, subject.id),
      ...(rigId === undefined ? {} : { rigId }),
      ...(beadId === undefined ? {} : { beadId }),
      ...(convoyId === undefined ? {} : { convoyId }),
    },
  };
}

/** Says only that it arrives. Undefined: there is no notifier at that place of the list. */
export function testNotice(ctx: Ctx, index: number): NotifyRequest | undefined {
  const notifier = settings(ctx, null).notify[index];
  if (notifier === undefined) return undefined;
  return {
    kind: "notify",
    notifier,
    sealed: sealedAddress(ctx, notifier.id),
    notice: {
      id: ctx.id("effect"),
      event: "test",
      at: iso(ctx.now),
      severity: "low",
      town: town(ctx),
      subject: { type: "town", id: ctx.townId },
      text: `This is how the town ${townRow(ctx).name} will tell you of what needs you`,
      detail: `Asked for by ${ctx.actor.name}.`,
    },
  };
}

const town = (ctx: Ctx): Notice["town"] => ({ id: ctx.townId, name: townRow(ctx).name });

/** An open question with what can be answered. */
function detailOf(ctx: Ctx, subjectId: string): string {
  const escalation = escalationRow(ctx, subjectId);
  if (escalation === undefined) return "";
  if (escalation.open === 0) return "It has been answered meanwhile.";
  const choices = choicesOf(escalation).map(({ id, label }) => `${id} (${label})`);
  const how =
    choices.length === 0
      ? `Look at it with: gastown escalations`
      : `Answer with: gastown escalation resolve ${shortId(subjectId)} <choice>; choices: ${choices.join(", ")}`;
  return [escalation.body.slice(0, LONGEST_DETAIL), how].filter((part) => part !== "").join("\n\n");
}
