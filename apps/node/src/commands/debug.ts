/** What a town could not apply or carry out, and taking it up again (spec/api.md §7). */
import { inboxEntry, outboxEntry } from "@gastown/protocol";
import type { OptionValues, Run } from "../cli/commands.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { cut, table } from "../cli/output.ts";
import { listOf, theTown } from "../cli/target.ts";
import { choiceOption, textOption } from "../cli/values.ts";

/** `--retry` or `--discard`, and of what; null: neither. */
function change(options: OptionValues): { action: "retry" | "discard"; id: string } | null {
  const [retry, discard] = [textOption(options, "retry"), textOption(options, "discard")];
  if (retry !== undefined && discard !== undefined) throw usageError("Give --retry or --discard, not both.");
  if (retry !== undefined) return { action: "retry", id: retry };
  return discard === undefined ? null : { action: "discard", id: discard };
}

const SAID = { retry: "is tried again", discard: "is discarded" } as const;
const NOTHING = "Nothing was given up.";

export const debugInbox: Run = async (context, _args, options) => {
  const api = await context.api();
  const path = `/api/towns/${(await theTown(context)).id}/admin/inbox`;
  const wanted = change(options);
  if (wanted !== null) {
    const one = await api.post(inboxEntry, `${path}/${encodeURIComponent(wanted.id)}/${wanted.action}`, {});
    context.out.result(one, `Fact ${one.seq} (${one.type}) ${SAID[wanted.action]}.`);
    return EXIT.done;
  }
  const state = choiceOption(options, "state", inboxEntry.shape.state.options);
  const answer = await api.get(listOf(inboxEntry), path, { state });
  context.out.result(answer, () =>
    answer.items.length === 0
      ? empty(state)
      : table(
          ["SEQ", "TYPE", "STATE", "TRIES", "SINCE", "WHY"],
          answer.items.map(({ seq, type, state: is, attempts, at, error }) => [
            String(seq),
            type,
            is,
            String(attempts),
            at,
            cut(error ?? "", 80),
          ]),
        ),
  );
  return EXIT.done;
};

export const debugOutbox: Run = async (context, _args, options) => {
  const api = await context.api();
  const path = `/api/towns/${(await theTown(context)).id}/admin/outbox`;
  const wanted = change(options);
  if (wanted !== null) {
    const one = await api.post(outboxEntry, `${path}/${encodeURIComponent(wanted.id)}/${wanted.action}`, {});
    context.out.result(one, `${one.kind.replaceAll("_", " ")} ${SAID[wanted.action]}.`);
    return EXIT.done;
  }
  const state = choiceOption(options, "state", outboxEntry.shape.state.options);
  const answer = await api.get(listOf(outboxEntry), path, { state, kind: textOption(options, "kind") });
  context.out.result(answer, () =>
    answer.items.length === 0
      ? empty(state)
      : table(
          ["ID", "KIND", "STATE", "TRIES", "SINCE", "WHY"],
          answer.items.map(({ id, kind, state: is, attempts, createdAt, error, told }) => [
            id,
            kind,
            is === "dead" && told ? "dead, told" : is,
            String(attempts),
            createdAt,
            cut(error ?? "", 80),
          ]),
        ),
  );
  return EXIT.done;
};

const empty = (state: string | undefined): string =>
  state === undefined || state === "dead" ? NOTHING : `Nothing is ${state}.`;
