/**
 * Everything that the town made on the remote of a rig goes, where a person chooses so before the rig or its town
 * is removed: the branches of attempts, merged ones too, feature branches of convoys, and saved work.
 */
import { GastownError, type LeftRef } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import type { Row } from "../kernel/sql.ts";
import { reasonText } from "../outbox/dead-letters.ts";
import { deleteBranch, deletionSubject } from "../reviews/delete-branch.ts";
import { forgetSaved, leftBy, savedSubject, type Over } from "../sessions/old-refs.ts";
import { findRig, type RigRow } from "./rigs.ts";

/** One thing that was asked to go, by the subject of its effect; null: it was not asked, for it may be in use. */
export interface AskedRef {
  ref: string;
  subject: string | null;
}

const OPEN = "its pull request may be open";

/** Throws `has_live_work`: what somebody works on is not over. */
export function forgetBranches(ctx: Ctx, rigRef: string): AskedRef[] {
  const rig = findRig(ctx, rigRef);
  refuseLiveWork(ctx, rig);
  const over = ctx.sql.all<Over>(
    "select id, kind, rig_id, closed_at from beads where rig_id = ? and status in ('closed', 'failed')",
    rig.id,
  );
  const asked = [...over.flatMap((bead) => askAway(ctx, bead)), ...featureBranches(ctx, rig.id)];
  audit(ctx, {
    kind: "rig.branches_forgotten",
    subject: { type: "rig", id: rig.id },
    rigId: rig.id,
    text: `What the town left on the remote of ${rig.name} (${asked.length}) is to go, says ${ctx.actor.name}`,
  });
  return asked;
}

function refuseLiveWork(ctx: Ctx, { id, name }: RigRow): void {
  const live = ctx.sql.all<{ id: string }>(
    "select id from beads where rig_id = ? and status in ('open', 'in_progress', 'in_review')",
    id,
  );
  if (live.length === 0) return;
  throw new GastownError(
    "has_live_work",
    `Rig ${name} has ${live.length} unfinished bead(s), whose branches are needed. Close them first.`,
    { beads: live.slice(0, 50).map((bead) => bead.id) },
  );
}

function askAway(ctx: Ctx, bead: Over): AskedRef[] {
  const { rig_id: rigId } = bead;
  const { saved, branches } = leftBy(ctx, bead);
  for (const one of saved) forgetSaved(ctx, { rigId, ...one, failures: 0 });
  return [
    ...saved.map(({ ref }) => ({ ref, subject: savedSubject(rigId, ref) })),
    ...branches.map(({ branch, expectedHead, mayBeOpen }) => {
      if (mayBeOpen) return { ref: branch, subject: null };
      return ask(ctx, rigId, branch, expectedHead);
    }),
  ];
}

function ask(ctx: Ctx, rigId: string, branch: string, expectedHead: string): AskedRef {
  deleteBranch(ctx, { rigId, branch, expectedHead, failures: 0 });
  return { ref: branch, subject: deletionSubject(rigId, branch) };
}

/** Each stands where the last merge into it left it, or where it began. */
function featureBranches(ctx: Ctx, rigId: string): AskedRef[] {
  const rows = ctx.sql.all<Row & { branch: string; head: string | null }>(
    `select c.branch, coalesce((select m.merge_commit from merge_requests m
       where m.rig_id = c.rig_id and m.target = c.branch and m.state = 'merged' and m.merge_commit is not null
       order by m.updated_at desc limit 1), c.head_sha) as head
     from convoy_branches c where c.rig_id = ? and c.state = 'ready'`,
    rigId,
  );
  return rows.flatMap(({ branch, head }) => (head === null ? [] : [ask(ctx, rigId, branch, head)]));
}

/** What has become of them by now. */
export function askedRefs(ctx: Ctx, asked: readonly AskedRef[]): LeftRef[] {
  return asked.map(({ ref, subject }) =>
    subject === null ? { ref, state: "kept", why: OPEN } : stateOf(ctx, ref, subject),
  );
}

function stateOf(ctx: Ctx, ref: string, subject: string): LeftRef {
  const row = ctx.sql.get<Row & { state: string; result: string | null }>(
    "select state, result from outbox where subject = ? order by id desc limit 1",
    subject,
  );
  if (row === undefined) return { ref, state: "kept", why: "nobody knows what became of its deletion" };
  if (row.result === "branch_done") return { ref, state: "gone", why: null };
  if (row.state === "dead") return { ref, state: "kept", why: reasonText(row.result) };
  if (row.state !== "done") return { ref, state: "pending", why: null };
  return { ref, state: "kept", why: WHY[row.result ?? ""] ?? "it could not be deleted" };
}

const WHY: Readonly<Record<string, string>> = {
  rejected: "it stands elsewhere than the town left it, or the remote does not let it go",
  auth: "the remote does not take the town's credential",
  error: "the remote could not be reached",
};
