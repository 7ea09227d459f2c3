/** Sends mail by SMTP (spec/town.md §4: "tell a notifier"). One connection for each: there are few. */
import type { MailPort, MailResult, OutgoingMail } from "@gastown/server";
import { createTransport } from "nodemailer";
import { z } from "zod";

/** For each of: connecting, the server's greeting, silence. Below an effect's deadline (ms). */
const PATIENCE_MS = 8_000;
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[?::1\]?)$/;

/** A password never leaves this machine without encryption: where the server offers none, nothing is sent. */
function transportTo(server: string) {
  const { protocol, hostname, port, username, password } = new URL(server);
  const secure = protocol === "smtps:";
  const user = decodeURIComponent(username);
  return createTransport({
    host: hostname.replaceAll(/^\[|\]$/g, ""),
    port: port === "" ? (secure ? 465 : 587) : Number(port),
    secure,
    ...(user === "" ? {} : { auth: { user, pass: decodeURIComponent(password) } }),
    requireTLS: !secure && user !== "" && !LOOPBACK.test(hostname),
    connectionTimeout: PATIENCE_MS,
    greetingTimeout: PATIENCE_MS,
    socketTimeout: PATIENCE_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

export const mailPort: MailPort = {
  async send({ server, ...mail }: OutgoingMail, signal): Promise<MailResult> {
    try {
      await transportTo(server).sendMail({ ...mail, headers: { ...mail.headers }, signal });
      return { type: "sent" };
    } catch (error) {
      return resultOf(error);
    }
  },
};

const failure = z
  .object({ permanent: z.boolean(), responseCode: z.number(), code: z.string(), originalCode: z.string() })
  .partial()
  .catch({});

/** What was said in the conversation may hold a name or a password: only codes are told. */
function resultOf(error: unknown): MailResult {
  const { permanent, responseCode, code = "failure", originalCode = code } = failure.parse(error);
  if (permanent !== false && (code === "EAUTH" || code === "ENOAUTH"))
    return { type: "refused", message: "The mail server does not know this user and password." };
  if (permanent === true)
    return { type: "refused", message: `The mail server refused it (${responseCode ?? code}).` };
  if (responseCode !== undefined)
    return { type: "failed", message: `The mail server did not take it (${responseCode}).`, offline: false };
  return {
    type: "failed",
    message: `The mail server could not be reached (${originalCode}).`,
    offline: originalCode === "EAI_AGAIN" || originalCode === "ENETUNREACH",
  };
}
