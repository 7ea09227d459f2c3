/** Mail between people and agents (spec/api.md §3.11). */
import { mailBody, mailShape } from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, flag, listOf } from "../http/query.ts";

const mail = "/api/towns/{townId}/mail";
const message = `${mail}/{messageId}` as const;
const who = z.string().min(1).max(120);

export function mailRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: mail,
      operation: "mail.list",
      summary: "Mail, newest first; reading it here delivers nothing.",
      who: "viewer",
      query: z.strictObject({ to: who.optional(), from: who.optional(), undelivered: flag.optional() }),
      answer: listOf(mailShape),
    },
    (town, { query }) => complete(town.mail(query)),
  );
  on.read(
    {
      method: "get",
      path: message,
      operation: "mail.get",
      summary: "One message.",
      who: "viewer",
      answer: mailShape,
    },
    (town, { params }) => town.mailMessage(params.messageId),
  );
  on.command(
    {
      method: "post",
      path: mail,
      operation: "mail.send",
      summary: "Writes to an agent, to the mayor, or to all who work in a rig.",
      who: "member",
      body: mailBody,
      status: 201,
      answer: z.object({ items: z.array(mailShape) }),
    },
    (town, { body, actor }) => ({ items: town.sendMail(body, actor) }),
  );
  on.command(
    {
      method: "delete",
      path: message,
      operation: "mail.delete",
      summary: "Takes a message back that nobody has read.",
      who: "member",
      answer: mailShape,
    },
    (town, { params, actor }) => town.deleteMail(params.messageId, actor),
  );
}
