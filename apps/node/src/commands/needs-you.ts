/** What needs you: the list that the town keeps, and putting things aside. */
import { needsYouKind, needsYouList, type NeedsYou } from "@gastown/protocol";
import type { Run } from "../cli/commands.ts";
import type { Context } from "../cli/context.ts";
import { EXIT, usageError } from "../cli/failure.ts";
import { theTown } from "../cli/target.ts";
import { choiceOption, textOption } from "../cli/values.ts";

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

export const needsYou: Run = async (context, _args, options) => {
  const api = await context.api();
  const path = `/api/towns/${(await theTown(context)).id}/needs-you`;
  const answer = await api.get(needsYouList, path, {
    kind: choiceOption(options, "kind", needsYouKind.options),
    snoozed: options["snoozed"] === true ? true : undefined,
  });
  context.out.result(answer, () => {
    const aside = answer.snoozed === 0 ? "" : `${answer.snoozed} put aside (--snoozed shows them).`;
    const lines = answer.items.map((one) => describe(context, one));
    if (lines.length === 0) lines.push("Nothing needs you.");
    return [...lines, ...(aside === "" || options["snoozed"] === true ? [] : [aside])].join("\n\n");
  });
  return EXIT.done;
};

function describe({ out }: Context, one: NeedsYou): string {
  const holds = one.holdsUp === 0 ? "" : `, holds up ${one.holdsUp} ${one.holdsUp === 1 ? "task" : "tasks"}`;
  const lines = [
    `${out.style("bold", one.question)}  ${out.style("dim", `${one.kind}, ${one.severity}${holds}, since ${one.since}`)}`,
  ];
  if (one.because !== "") lines.push(`  ${one.because.replaceAll("\n", "\n  ")}`);
  const choices = [one.primary, ...one.others].map(({ label }) => label);
  lines.push(`  ${choices.join(" · ")}`, out.style("dim", `  ${one.key}`));
  if (one.snoozedUntil !== undefined) lines.push(`  put aside until ${untilText(one.snoozedUntil)}`);
  return lines.join("\n");
}

const untilText = (until: string): string => (until === "changed" ? "it changes" : until);

export const needsYouSnooze: Run = async (context, keys, options) => {
  const given = textOption(options, "for");
  const until = given === undefined ? "changed" : new Date(Date.now() + durationOf(given)).toISOString();
  const api = await context.api();
  const path = `/api/towns/${(await theTown(context)).id}/needs-you/snooze`;
  const answer = await api.post(needsYouList, path, { keys: [...keys], until });
  context.out.result(answer, `Put aside until ${untilText(until)}: ${keys.join(", ")}`);
  return EXIT.done;
};

/** `30m`, `4h`, `2d` in milliseconds. */
function durationOf(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,4})([mhd])$/.exec(text) ?? [];
  const duration = Number(count) * (UNITS[unit] ?? 0);
  if (duration === 0) throw usageError(`--for wants a time like 30m, 4h or 2d, not "${text}".`);
  return duration;
}
