/**
 * Why a thing is not running, in words (spec/api.md §3.6): what it waits for, since when and until when,
 * down the chain to the one that decides, and what a person can do about that.
 */
import type { Why, WhyCheck, WhyLink, WaitingOn, WaitingCode } from "@gastown/protocol";
import { OWN_CHECKS } from "../beads/own-waits.ts";
import type { BeadRow } from "../beads/bead-row.ts";
import { readWaiting } from "../beads/waiting.ts";
import { sharedGates } from "../controllers/dispatch.ts";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import type { RigRow } from "../rigs/rigs.ts";
import { liveSessionOfBead } from "../sessions/session-row.ts";
import { actionsFor } from "./why-actions.ts";
import { waitingOf } from "./waiting.ts";

/** A chain that is longer is told in part: each step is one read. */
const MAX_CHAIN = 20;
/** In the order in which they are told; the last two are decided by the rig's dispatcher. */
const ISSUE_CODES: readonly WaitingCode[] = [
  "held",
  "staged",
  "blocked",
  "blocked_by_failed",
  "draining",
  "paused",
  "budget",
  "breaker",
  "cooldown",
  "no_slot",
  "runner_unavailable",
];

export function why(ctx: Ctx, bead: BeadRow): Why {
  const waitingOn = waitingOf(ctx, bead);
  const chain = chainFrom(ctx, bead);
  const last = chain.at(-1);
  const deciding = last?.waitingOn ?? waitingOn;
  const decided = rowOf(ctx, last?.id ?? bead.id) ?? bead;
  return {
    id: bead.id,
    title: bead.title,
    state: bead.status,
    sentence: sentence(ctx, bead, waitingOn, chain),
    ...(waitingOn ? { waitingOn } : {}),
    why: bead.type === "issue" && bead.status === "open" ? checks(ctx, bead) : [],
    chain,
    ...(deciding ? { next: nextOf(deciding, decided.status) } : {}),
    actions: actionsFor(ctx, decided, deciding),
  };
}

function rowOf(ctx: Ctx, id: string): BeadRow | undefined {
  return ctx.sql.get<BeadRow>("select * from beads where id = ?", id);
}

/** Every reason that there can be, those that do not hold too. */
function checks(ctx: Ctx, bead: BeadRow): WhyCheck[] {
  const own = OWN_CHECKS.map(({ check }) => check(ctx, bead)).filter((waiting) => waiting !== null);
  const rig = bead.rig_id ? ctx.sql.get<RigRow>("select * from rigs where id = ?", bead.rig_id) : undefined;
  const holding = [...own, ...(rig ? sharedGates(ctx, rig) : [])];
  const first = waitingOf(ctx, bead);
  const stored = readWaiting(bead.waiting);
  return ISSUE_CODES.map((code) => {
    const held = holding.find((waiting) => waiting.code === code);
    if (code === "no_slot" && first?.code === "no_slot") return { holds: true, ...first };
    if (!held) return { code, holds: false };
    const since = first?.code === code ? first.since : stored?.code === code ? iso(stored.since) : undefined;
    return {
      code,
      holds: true,
      message: held.message,
      ...(since === undefined ? {} : { since }),
      ...(held.until === undefined ? {} : { until: iso(held.until) }),
      ...(held.limit === undefined ? {} : { limit: held.limit }),
    };
  });
}

/** From the thing itself down to the one that decides: each waits for the next. */
function chainFrom(ctx: Ctx, start: BeadRow): WhyLink[] {
  const chain: WhyLink[] = [];
  const seen = new Set<string>();
  let next: BeadRow | undefined = start;
  while (next && !seen.has(next.id) && chain.length < MAX_CHAIN) {
    seen.add(next.id);
    const waitingOn = waitingOf(ctx, next);
    chain.push({
      id: next.id,
      title: next.title,
      status: next.status,
      ...(waitingOn ? { waitingOn } : {}),
    });
    next = following(ctx, next, waitingOn);
  }
  return chain;
}

/** An issue in review waits for its merge request, whose wait it shows as its own. */
function following(ctx: Ctx, row: BeadRow, waitingOn: WaitingOn | undefined): BeadRow | undefined {
  const target = waitingOn?.objects?.map(({ id }) => rowOf(ctx, id)).find((found) => found !== undefined);
  return target?.id === row.id ? undefined : target;
}

function sentence(ctx: Ctx, bead: BeadRow, waitingOn: WaitingOn | undefined, chain: WhyLink[]): string {
  if (bead.status === "closed") return `${bead.title} is closed (${bead.reason ?? "no reason given"}).`;
  if (bead.status === "failed") return `${bead.title} has failed (${bead.reason ?? "no reason given"}).`;
  const session = liveSessionOfBead(ctx, bead.id);
  if (session && bead.type === "issue") {
    const agent = ctx.sql.get<{ name: string }>("select name from agents where id = ?", session.agent_id);
    const doing = session.state === "settling" ? "has finished, and its work is being pushed" : "works on it";
    const name = agent?.name ?? "an agent";
    const wait =
      waitingOn && ` Since ${clock(waitingOn.since)} ${name} ${waitingOn.message}${untilText(waitingOn)}.`;
    return `${bead.title} is in progress: ${name} ${doing} since ${clock(iso(session.started_at))}.${wait ?? ""}`;
  }
  if (!waitingOn)
    return `${bead.title} is ${bead.status.replace("_", " ")} and waits for nothing: it is looked at now.`;
  const own = `${bead.title} waits since ${clock(waitingOn.since)}${untilText(waitingOn)}: ${waitingOn.message}.`;
  const last = chain.at(-1);
  if (!last || last.id === bead.id || !last.waitingOn) return own;
  return `${own} What decides is ${last.title}: ${last.waitingOn.message}.`;
}

const untilText = ({ until }: WaitingOn): string => (until === undefined ? "" : ` until ${clock(until)}`);
const clock = (at: string): string => at.slice(0, 16).replace("T", " ");

const EVENTS: Partial<Record<WaitingCode, string>> = {
  held: "a person starts it",
  staged: "a person starts its convoy",
  blocked_by_failed: "a person retries or waives what failed",
  draining: "the next runner registers",
  paused: "a person resumes the town",
  budget: "there is budget again",
  breaker: "a probe goes well",
  cooldown: "it is tried again",
  no_slot: "a slot becomes free",
  runner_unavailable: "its repository can be used",
  question: "a person answers",
  permission: "a person answers; without an answer it is denied",
  model_quota: "its model is asked again",
  verdict: "the review ends",
  gates: "the gates end",
  rework: "its fix is pushed",
  conflict: "its conflict is resolved",
  landing_queue: "its turn comes",
  checks: "its checks are green",
  threads: "its threads are resolved on the forge",
  approval: "somebody approves it on the forge",
  grace: "it is read once more and merged",
  poll_backoff: "its pull request is read again",
  unknown: "the forge tells what could not be read",
  manual: "a person does what it needs on the forge, or merges it",
};

function nextOf(waitingOn: WaitingOn, status: string): NonNullable<Why["next"]> {
  if (waitingOn.code === "held" && status === "in_review") return { event: "a person releases it", at: null };
  return { event: EVENTS[waitingOn.code] ?? "what it waits for is done", at: waitingOn.until ?? null };
}
