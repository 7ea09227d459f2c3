/**
 * Tells notifiers outside (spec/town.md §4, §5): one effect for each that wants to know, written in the
 * transaction of what happened. What it says is read from the audit when it is sent, so that its text
 * is stored once.
 */
import { wantsNotice, type Notifier, type NotifyEvent, type Severity } from "@gastown/protocol";
import { settings } from "../config/settings.ts";
import { HOUR, type Ctx } from "../kernel/context.ts";
import { enqueue } from "../outbox/outbox.ts";

/** Nobody needs to hear of it after that. */
const STALE = 24 * HOUR;

/** Escalations that say what another event says: who is told of that is not told twice. */
const ECHOES: Readonly<Record<string, NotifyEvent>> = {
  breaker_open: "breaker.opened",
  budget: "budget.exhausted",
};

interface Happened {
  event: NotifyEvent;
  severity: Severity;
  /** Where it stands in the audit. */
  seq: number;
  /** Of an escalation. */
  category?: string;
}

export function tellNotifiers(ctx: Ctx, { event, severity, seq, category }: Happened): void {
  for (const notifier of settings(ctx, null).notify) {
    if (!wantsNotice(notifier, { event, severity }) || isEcho(notifier, event, severity, category)) continue;
    enqueue(ctx, {
      kind: "notify",
      subject: `notifier:${notifier.id}`,
      key: `notify:${notifier.id}:${seq}`,
      payload: { notifierId: notifier.id, seq, severity },
      giveUpAt: ctx.now + STALE,
    });
  }
}

function isEcho(
  notifier: Notifier,
  event: NotifyEvent,
  severity: Severity,
  category: string | undefined,
): boolean {
  const told = category === undefined ? undefined : ECHOES[category];
  return (
    event === "escalation.created" && told !== undefined && wantsNotice(notifier, { event: told, severity })
  );
}
