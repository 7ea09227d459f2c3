/** Everything that needs a person, in one order (spec/api.md §3.3): what it holds up, how severe it is, its age. */
import type { NeedsYou, NeedsYouFilter, NeedsYouList } from "@gastown/protocol";
import { SEVERITIES } from "../escalations/escalations.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { conditions } from "./conditions.ts";
import { heldUp } from "./held-up.ts";
import { keyOf, type Item } from "./item.ts";
import { questions } from "./questions.ts";
import { snoozedUntil, snoozes, type Snoozes } from "./snooze.ts";

export const allItems = (ctx: Ctx): Item[] => [...questions(ctx), ...conditions(ctx)];

export function needsYou(ctx: Ctx, filter: NeedsYouFilter): NeedsYouList {
  const aside = snoozes(ctx);
  const wanted = allItems(ctx)
    .filter((item) => passes(item, filter))
    .map((item) => shown(ctx, item, aside));
  const isAside = ({ snoozedUntil: until }: NeedsYou): boolean => until !== undefined;
  return {
    items: wanted.filter((one) => isAside(one) === (filter.snoozed ?? false)).toSorted(inOrder),
    nextCursor: null,
    snoozed: wanted.filter(isAside).length,
  };
}

function passes(item: Item, { kind, rigId, convoyId }: NeedsYouFilter): boolean {
  return (
    (kind === undefined || kind.includes(item.kind)) &&
    (rigId === undefined || item.rigId === rigId) &&
    (convoyId === undefined || item.convoyId === convoyId)
  );
}

function shown(ctx: Ctx, item: Item, aside: Snoozes): NeedsYou {
  const { kind, question, because, since, severity, object, rigId, convoyId, primary, others } = item;
  const until = snoozedUntil(ctx, aside, item);
  return {
    key: keyOf(item),
    kind,
    question,
    because,
    since: iso(since),
    severity,
    holdsUp: heldUp(ctx, item.holds),
    object,
    ...(rigId === null ? {} : { rigId }),
    ...(convoyId === null ? {} : { convoyId }),
    primary,
    others,
    ...(until === undefined ? {} : { snoozedUntil: until }),
  };
}

const rank = ({ severity }: NeedsYou): number => SEVERITIES.indexOf(severity);

function inOrder(a: NeedsYou, b: NeedsYou): number {
  if (a.holdsUp !== b.holdsUp) return b.holdsUp - a.holdsUp;
  if (rank(a) !== rank(b)) return rank(b) - rank(a);
  if (a.since !== b.since) return a.since < b.since ? -1 : 1;
  return a.key < b.key ? -1 : 1;
}
