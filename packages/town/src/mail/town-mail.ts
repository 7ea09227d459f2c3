/** What hosts see of mail. */
import type { Mail, MailBody } from "@gastown/protocol";
import type { Access } from "../kernel/context.ts";
import type { Actor } from "../town.ts";
import { deleteMail, listMail, mailRow, sendMail, toMail, type MailFilter } from "./mail.ts";

export interface TownMail {
  /** One message for each receiver. Throws `not_found`. */
  sendMail(mail: MailBody, actor: Actor): Mail[];
  /** Newest first; reading it delivers nothing. */
  mail(filter: MailFilter): Mail[];
  mailMessage(id: string): Mail;
  deleteMail(id: string, actor: Actor): Mail;
}

export function townMail({ read, write }: Access): TownMail {
  return {
    sendMail: (mail, actor) => write(actor, (ctx) => sendMail(ctx, mail)),
    mail: (filter) => read((ctx) => listMail(ctx, filter)),
    mailMessage: (id) => read((ctx) => toMail(ctx, mailRow(ctx, id))),
    deleteMail: (id, actor) =>
      write(actor, (ctx) => {
        const mail = toMail(ctx, mailRow(ctx, id));
        deleteMail(ctx, id);
        return mail;
      }),
  };
}
