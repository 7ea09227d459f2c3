/** Notifiers of a town: `notify[]` of its settings, without ever showing an address. */
import { GastownError, notifier, testNotifierAnswer, type Notifier } from "@gastown/protocol";
import { z } from "zod";
import type { ApiClient } from "../cli/client.ts";
import type { Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { readSecret } from "../cli/read-secret.ts";
import { theTown } from "../cli/target.ts";

const configAnswer = z.object({
  version: z.int(),
  config: z.looseObject({ notify: z.array(notifier).optional() }),
});
const changeAnswer = z.object({ version: z.int(), changed: z.array(z.string()) });

const ADDRESS: Record<Notifier["kind"], string> = {
  slack: "Slack's incoming webhook, https://…",
  webhook: "the url to POST to",
  email: "the mail server, smtps://user:password@host",
};

interface Place {
  api: ApiClient;
  path: string;
  version: number;
  notify: readonly Notifier[];
}

async function place(context: Context): Promise<Place> {
  const api = await context.api();
  const path = `/api/towns/${(await theTown(context)).id}/config`;
  const { version, config } = await api.get(configAnswer, path);
  return { api, path, version, notify: config.notify ?? [] };
}

function line(one: Notifier, index: number): string {
  const where = one.kind === "email" ? `${one.address} by ${one.url}` : one.url;
  const what = one.events === undefined ? "all that needs a person" : one.events.join(", ");
  const least = one.min_severity === undefined ? "" : `, ${one.min_severity} and above`;
  return `${index + 1}  ${one.kind}  ${where}  ${what}${least}`;
}

export const notifyList: Run = async (context) => {
  const { notify } = await place(context);
  context.out.result({ items: notify }, () =>
    notify.length === 0
      ? "Nobody is told outside. For example: gastown notify add slack"
      : notify.map(line).join("\n"),
  );
  return EXIT.done;
};

export const notifyAdd: Run = async (context, [kind = ""], options) => {
  if (kind !== "slack" && kind !== "webhook" && kind !== "email")
    throw usageError(`"${kind}" is no kind of notifier. Known are: ${Object.keys(ADDRESS).join(", ")}.`);
  if (kind === "email" && options["to"] === undefined)
    throw usageError("Say who gets the mail: gastown notify add email --to you@example.org");
  const where = await place(context);
  const added = {
    kind,
    url: await readSecret(context, ADDRESS[kind]),
    ...(options["to"] === undefined ? {} : { address: options["to"] }),
    ...(options["from"] === undefined ? {} : { from: options["from"] }),
    ...(options["event"] === undefined ? {} : { events: options["event"] }),
    ...(options["minSeverity"] === undefined ? {} : { min_severity: options["minSeverity"] }),
  };
  await change(where, [...where.notify, added]);
  const number = where.notify.length + 1;
  context.out.result(
    { number },
    `Notifier ${number} is told from now on. Try it: gastown notify test ${number}`,
  );
  return EXIT.done;
};

export const notifyRemove: Run = async (context, [given = ""]) => {
  const where = await place(context);
  const index = indexOf(given, where.notify.length);
  await change(
    where,
    where.notify.filter((_one, at) => at !== index),
  );
  context.out.result({ removed: index + 1 }, `Notifier ${index + 1} is told nothing any more.`);
  return EXIT.done;
};

export const notifyTest: Run = async (context, [given = ""]) => {
  const { api, path, notify } = await place(context);
  const index = indexOf(given, notify.length);
  const answer = await api.call(testNotifierAnswer, "POST", `${path}/notify/test`, { body: { index } });
  context.out.result(answer, answer.message);
  return answer.delivered ? EXIT.done : EXIT.failed;
};

/** Changed meanwhile by somebody else: refused, because numbers mean other notifiers then. */
async function change({ api, path, version }: Place, notify: readonly unknown[]): Promise<void> {
  await api.call(changeAnswer, "PATCH", path, {
    body: { notify },
    headers: { "if-match": `"cfg-${version}"` },
  });
}

function indexOf(given: string, count: number): number {
  const number = Number(given);
  if (Number.isInteger(number) && number >= 1 && number <= count) return number - 1;
  throw new GastownError("not_found", `There is no notifier ${given}. \`gastown notify list\` shows all.`);
}
