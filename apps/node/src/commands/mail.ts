import { mailShape, type Mail } from "@gastown/protocol";
import { z } from "zod";
import type { Run } from "../cli/commands.ts";
import { EXIT } from "../cli/failure.ts";
import { cut, table } from "../cli/output.ts";
import { listOf, theTown } from "../cli/target.ts";
import { textOption, textOrFile } from "../cli/values.ts";

export const mail: Run = async (context, _args, options) => {
  const api = await context.api();
  const town = await theTown(context);
  const answer = await api.get(listOf(mailShape), `/api/towns/${town.id}/mail`, {
    to: textOption(options, "to"),
    undelivered: options["waiting"] === true ? true : undefined,
  });
  context.out.result(answer, () =>
    answer.items.length === 0
      ? "No mail."
      : table(
          ["SENT", "FROM", "TO", "SUBJECT", "READ"],
          answer.items.map((one) => [
            clock(one.createdAt),
            one.from.name,
            one.to,
            cut(one.subject, 60),
            read(one),
          ]),
        ),
  );
  return EXIT.done;
};

const clock = (at: string): string => at.slice(0, 16).replace("T", " ");
const read = (one: Mail): string => (one.deliveredAt === null ? "waits" : clock(one.deliveredAt));

export const mailSend: Run = async (context, [to = "", subject = "", body]) => {
  const api = await context.api();
  const town = await theTown(context);
  const { items } = await api.post(z.object({ items: z.array(mailShape) }), `/api/towns/${town.id}/mail`, {
    to,
    subject,
    body: body === undefined ? subject : await textOrFile(body, context.cwd),
  });
  context.out.result({ items }, `Sent to ${items.map((one) => one.to).join(", ")}.`);
  return EXIT.done;
};
