/**
 * Notifiers (spec/api.md §3.13 `notify[]`): who is told outside of gastown when something needs a
 * person. Each has an address that is a secret as a whole, a webhook's url or a mail server's; it is
 * sealed and stored by itself, and what is stored and shown here is its mask.
 */
import { z } from "zod";
import { severity, type Severity } from "./states.ts";
import { text } from "./text.ts";

/** What notifiers can be told of; names of the feed (spec/api.md §6.1). */
export const NOTIFY_EVENTS = [
  "escalation.created",
  "escalation.bumped",
  "breaker.opened",
  "budget.warned",
  "budget.exhausted",
  "convoy.landed",
] as const;
export const notifyEvent = z.enum(NOTIFY_EVENTS);
export type NotifyEvent = z.infer<typeof notifyEvent>;

/** All that asks for somebody: what a notifier without `events` is told of. */
export const DEFAULT_NOTIFY_EVENTS: readonly NotifyEvent[] = NOTIFY_EVENTS.filter(
  (event) => event !== "convoy.landed",
);

const common = {
  /** Told only of what is at least this severe; without it, of everything. */
  min_severity: severity.optional(),
  events: z.array(notifyEvent).min(1).max(NOTIFY_EVENTS.length).optional(),
};

export const notifierId = z.string().regex(/^[0-9a-f]{8}$/, "not a notifier's id");
const masked = z.string().regex(/^\*{4}.{0,4}$/, "must be masked");

/** As it is stored and shown. */
export const notifier = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.enum(["slack", "webhook"]), id: notifierId, url: masked, ...common }),
  z.strictObject({
    kind: z.literal("email"),
    id: notifierId,
    /** Who gets the mail. */
    address: z.email().max(300),
    /** Who it says it is from; without it the receiver's own address. */
    from: z.email().max(300).optional(),
    /** The mail server. */
    url: masked,
    ...common,
  }),
]);
export type Notifier = z.infer<typeof notifier>;

export const notifiers = z
  .array(notifier)
  .max(20)
  .refine((all) => new Set(all.map(({ id }) => id)).size === all.length, "two notifiers have the same id");

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])$/;
const LONGEST = 2_000;

const slackUrl = z.union([
  z.url({ protocol: /^https$/ }).max(LONGEST),
  z.url({ protocol: /^http$/, hostname: LOOPBACK }).max(LONGEST),
]);
const webhookUrl = z.url({ protocol: /^https?$/ }).max(LONGEST);
/** `smtps://user:password@host:465`; `smtp:` changes to TLS before a password is sent. */
const mailServerUrl = z.url({ protocol: /^smtps?$/ }).max(LONGEST);

const shown = { id: notifierId.optional(), ...common };

/** As it is sent: with an address in the clear, or with the mask of one that is stored, which it keeps. */
export const notifierInput = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("slack"), url: z.union([masked, slackUrl]), ...shown }),
  z.strictObject({ kind: z.literal("webhook"), url: z.union([masked, webhookUrl]), ...shown }),
  z.strictObject({
    kind: z.literal("email"),
    address: z.email().max(300),
    from: z.email().max(300).optional(),
    url: z.union([masked, mailServerUrl]),
    ...shown,
  }),
]);
export type NotifierInput = z.infer<typeof notifierInput>;
export const notifierInputs = z.array(notifierInput).max(20);

/** A notifier's address, ready to be stored. */
export interface NotifierSecret {
  readonly id: string;
  readonly sealed: string;
  readonly masked: string;
}

/** What a notifier is told: the body of a webhook's POST (spec/town.md §4). */
export const notice = z.strictObject({
  /** The same for every try, also in the header `Idempotency-Key`. */
  id: text(1, 80),
  event: z.union([notifyEvent, z.literal("test")]),
  at: z.iso.datetime(),
  severity,
  town: z.strictObject({ id: z.string(), name: z.string() }),
  subject: z.strictObject({ type: z.string(), id: z.string() }),
  /** One line. */
  text: z.string(),
  /** More of it, and what can be done; empty where there is none. */
  detail: z.string(),
  rigId: z.string().optional(),
  beadId: z.string().optional(),
  convoyId: z.string().optional(),
});
export type Notice = z.infer<typeof notice>;

const ORDER: readonly Severity[] = severity.options;

/** Whether a notifier is told of this. */
export function wantsNotice(
  { events, min_severity }: Pick<Notifier, "events" | "min_severity">,
  of: { event: NotifyEvent; severity: Severity },
): boolean {
  if (!(events ?? DEFAULT_NOTIFY_EVENTS).includes(of.event)) return false;
  return min_severity === undefined || ORDER.indexOf(of.severity) >= ORDER.indexOf(min_severity);
}

/** `POST T/config/notify/test`. */
export const testNotifierBody = z.strictObject({ index: z.int().min(0).max(19) });
export const testNotifierAnswer = z.object({ delivered: z.boolean(), message: z.string() });
