/**
 * A pull request that a person opened, given to the town (spec/review.md §4.4, spec/api.md §3.8): the
 * same loop without a source bead. Whether the url is of this rig's repository was checked by whoever read it.
 */
import { GastownError, type PullRequest } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { DEFAULT_PRIORITY, insertBead, setVersion } from "../beads/bead-row.ts";
import { settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import { findRig, forgeOf } from "../rigs/rigs.ts";
import { mergeRow, type MergeRow } from "./merge-row.ts";
import { readAnew, storeReading } from "./pull-request.ts";

export interface Adoption {
  pr: PullRequest;
  title?: string | undefined;
  body?: string | undefined;
  /** Whether beads made for it may rewrite its history; false unless the person says so. */
  forcePushAllowed?: boolean | undefined;
}

/** The id of its merge request; `existing`: it is watched already. Throws `pr_not_open`. */
export function adoptPullRequest(
  ctx: Ctx,
  rigRef: string,
  input: Adoption,
): { id: string; existing: boolean } {
  const rig = findRig(ctx, rigRef);
  const { pr } = input;
  const known = ctx.sql.get<{ bead_id: string }>(
    "select bead_id from merge_requests where pr_url = ? and state not in ('merged', 'failed')",
    pr.url,
  );
  if (known) return { id: known.bead_id, existing: true };
  if (pr.state !== "open") {
    throw new GastownError(
      "pr_not_open",
      `This pull request is ${pr.state}; only an open one can be adopted.`,
    );
  }
  const id = ctx.id("bead");
  const title = input.title ?? pr.title;
  insertBead(ctx, id, {
    type: "merge_request",
    kind: null,
    title,
    body: input.body ?? "",
    rigId: rig.id,
    priority: DEFAULT_PRIORITY,
  });
  ctx.sql.run(
    `insert into merge_requests (bead_id, source_id, lands_convoy, rig_id, branch, target, strategy, method, state,
       priority, convoy_at, head_sha, head_at, created_at, updated_at, adopted, can_push, force_push_allowed)
     values (?1, ?1, 0, ?2, ?3, ?4, 'pr', ?5, 'queued', ?6, ?7, ?8, ?7, ?7, ?7, 1, ?9, ?10)`,
    id,
    rig.id,
    pr.head,
    pr.base,
    settings(ctx, rig.id).review.merge_method,
    DEFAULT_PRIORITY,
    ctx.now,
    pr.head_sha,
    pr.from_fork ? 0 : 1,
    input.forcePushAllowed === true ? 1 : 0,
  );
  watch(ctx, id, input, title, forgeOf(ctx, rig));
  return { id, existing: false };
}

function watch(ctx: Ctx, id: string, { pr }: Adoption, title: string, provider: string): void {
  const merge: MergeRow | undefined = mergeRow(ctx, id);
  if (!merge) return;
  storeReading(ctx, merge, { pr, signals: null, logs: [], asked: { no: -1, at: 0 } });
  const seq = audit(ctx, {
    kind: "pr.adopted",
    subject: { type: "bead", id },
    beadId: id,
    rigId: merge.rig_id,
    text: `${title}: pull request ${pr.number} is looked after from now on`,
    data: { url: pr.url, number: pr.number, provider, state: pr.state },
  });
  setVersion(ctx, id, seq);
  readAnew(ctx, merge);
  schedule(ctx, "merge", id);
}
