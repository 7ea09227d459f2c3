/** Sending mail, where the host can (spec/town.md §4): Workers have no way to a mail server. */
export interface MailPort {
  /** Never rejects, and never repeats the server's address or password in what it says. */
  send(mail: OutgoingMail, signal: AbortSignal): Promise<MailResult>;
}

export interface OutgoingMail {
  /** `smtp(s)://user:password@host:port`. */
  server: string;
  from: string;
  to: string;
  subject: string;
  text: string;
  /** The same for every try, so that a reader's program shows a repeat once. */
  messageId: string;
  headers: Readonly<Record<string, string>>;
}

export type MailResult =
  | { type: "sent" }
  /** For good: the server refuses this mail or this user. */
  | { type: "refused"; message: string }
  | { type: "failed"; message: string; offline: boolean };
