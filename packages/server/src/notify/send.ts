/**
 * Carries a notice out to one notifier. The address is opened here, at the moment of use, and stands in
 * nothing that is said of it. Every try of a notice carries the same id, because it may come twice.
 */
import type { Notice } from "@gastown/protocol";
import type { EffectAnswer } from "@gastown/town";
import { connectionFailure } from "@gastown/forge";
import { unseal, type SealingKey } from "../credentials/seal.ts";
import type { RequestOf } from "../effects/context.ts";
import type { MailPort, MailResult } from "./mail.ts";
import { mailSubject, mailText, slackBody } from "./text.ts";

export interface NotifyWays {
  /** Reaches webhooks; the global `fetch` where it is left out. */
  fetch?: typeof fetch;
  /** Without it this host sends no mail. */
  mail?: MailPort;
}

interface NotifyPorts extends NotifyWays {
  sealingKeys: readonly SealingKey[];
}

/** Where an address is sealed to. */
export const addressKey = (notifierId: string): string => `notify.${notifierId}`;

type Answer = Extract<EffectAnswer, { type: "done" | "retry" | "refused" }>;
const refused = (code: string, message: string): Answer => ({ type: "refused", reason: { code, message } });

export async function sendNotice(
  ports: NotifyPorts,
  townId: string,
  { notifier, sealed, notice }: RequestOf<"notify">,
  signal: AbortSignal,
): Promise<Answer> {
  const place = { townId, key: addressKey(notifier.id) };
  const url = sealed === null ? undefined : await unseal(ports.sealingKeys, place, sealed);
  if (url === undefined)
    return refused(
      "address_missing",
      "No address is stored here that can be opened. Set the notifier again.",
    );
  if (notifier.kind === "email") {
    const { address: to, from = to } = notifier;
    return byMail(ports.mail, { server: url, from, to, notice }, signal);
  }
  const body = notifier.kind === "slack" ? slackBody(notice) : notice;
  return post(ports, url, body, notice.id, signal);
}

/** Asked for again later; everything else below 500 stays as it is however often it is sent. */
const PASSING: readonly number[] = [408, 425, 429];
const MAX_WAIT_MS = 10 * 60_000;

async function post(
  ports: NotifyPorts,
  url: string,
  body: unknown,
  id: string,
  signal: AbortSignal,
): Promise<Answer> {
  let response: Response;
  try {
    response = await (ports.fetch ?? fetch)(url, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": id, "user-agent": "gastown" },
      body: JSON.stringify(body),
      // Another place was not what the owner named, and is not told.
      redirect: "manual",
      signal,
    });
  } catch (error) {
    if (signal.aborted) return { type: "retry", message: "It did not answer in time.", counted: true };
    const { code, offline } = connectionFailure(error);
    return { type: "retry", message: `It could not be reached (${code}).`, counted: !offline };
  }
  await response.body?.cancel();
  if (response.ok) return { type: "done" };
  const message = `It answered ${response.status}.`;
  if (response.status < 500 && !PASSING.includes(response.status)) return refused("refused_there", message);
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const wait = Number.isFinite(seconds) ? { retryAfterMs: Math.min(seconds * 1000, MAX_WAIT_MS) } : {};
  return { type: "retry", message, counted: true, ...wait };
}

async function byMail(
  mail: MailPort | undefined,
  { server, from, to, notice }: { server: string; from: string; to: string; notice: Notice },
  signal: AbortSignal,
): Promise<Answer> {
  if (mail === undefined)
    return refused("unsupported", "This server cannot send mail. Use a webhook, or run gastown on Node.");
  const result = await mail.send(
    {
      server,
      from,
      to,
      subject: mailSubject(notice),
      text: mailText(notice),
      messageId: `<${notice.id}@gastown.invalid>`,
      headers: { "idempotency-key": notice.id, "auto-submitted": "auto-generated" },
    },
    signal,
  );
  return answerOf(result);
}

function answerOf(result: MailResult): Answer {
  if (result.type === "sent") return { type: "done" };
  if (result.type === "refused") return refused("refused_there", result.message);
  return { type: "retry", message: result.message, counted: !result.offline };
}
