/** Convoys: a set of beads with a dependency graph that lands as a whole (spec/town.md §3). */
import {
  GastownError,
  idEnding,
  type ConvoyMode,
  type ConvoyState,
  type SlingConvoyBody,
} from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import {
  DEFAULT_PRIORITY,
  findBead,
  insertBead,
  PRIORITIES,
  setVersion,
  type BeadRow,
} from "../beads/bead-row.ts";
import { checkTaskGraph, linkNew } from "../beads/dependencies.ts";
import { settings } from "../config/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { schedule } from "../kernel/schedule.ts";
import type { Row } from "../kernel/sql.ts";
import { plannedSteps, storeSteps } from "../molecules/molecules.ts";
import { findRig, type RigRow } from "../rigs/rigs.ts";
import { move } from "../status.ts";
import { convoyPrefix, makeBranches, wantBranch } from "./branches.ts";

export type ConvoyRow = Row & {
  bead_id: string;
  mode: ConvoyMode;
  state: ConvoyState;
  landing_attempts: number;
  /** Failed landings of before the last retry: they count no more. */
  landings_forgiven: number;
  cooldown_until: number;
  started_at: number | null;
  landed_at: number | null;
};

export function convoyRow(ctx: Ctx, id: string): ConvoyRow | undefined {
  return ctx.sql.get<ConvoyRow>("select * from convoys where bead_id = ?", id);
}

export function findConvoy(ctx: Ctx, ref: string): ConvoyRow {
  const bead = findBead(ctx, ref);
  const convoy = convoyRow(ctx, bead.id);
  if (!convoy) throw new GastownError("not_found", `${ref} is not a convoy.`);
  return convoy;
}

/** The beads that make up a convoy; fix beads are not among them. */
export function members(ctx: Ctx, convoyId: string): BeadRow[] {
  return ctx.sql.all<BeadRow>(
    "select * from beads where convoy_id = ? and type = 'issue' order by created_at, id",
    convoyId,
  );
}

/** Makes a convoy with its tasks, all or nothing. Returns the convoy's id. */
export function slingConvoy(ctx: Ctx, body: SlingConvoyBody): string {
  checkTaskGraph(body.tasks);
  const edges = body.tasks.reduce((n, task) => n + (task.dependsOn?.length ?? 0), 0);
  if (body.tasks.length > 1 && edges === 0 && body.parallel !== true) {
    throw new GastownError(
      "dependencies_unspecified",
      "No task depends on another one. Say which tasks wait for which, or say parallel: true if they can all start at once.",
    );
  }
  const main = findRig(ctx, body.rigId);
  const rigOf = (ref: string | undefined): RigRow => (ref === undefined ? main : findRig(ctx, ref));
  const config = settings(ctx, main.id);
  const mode = body.mode ?? config.convoy_merge_mode;
  const staged = body.staged ?? config.staged_convoys_default;
  const convoyId = insertConvoy(ctx, body, main.id, mode);
  const ids = body.tasks.map((task) => insertTask(ctx, task, rigOf(task.rigId).id, convoyId));
  body.tasks.forEach((task, index) => {
    for (const on of task.dependsOn ?? []) linkNew(ctx, ids[index] ?? "", ids[on] ?? "");
  });
  if (mode === "review-then-land") {
    const head = `${convoyPrefix(body.title, convoyId)}/head`;
    for (const rigId of new Set(body.tasks.map((task) => rigOf(task.rigId).id)))
      wantBranch(ctx, convoyId, rigId, head);
  }
  for (const id of ids) schedule(ctx, "bead", id);
  if (!staged) startConvoy(ctx, convoyId);
  return convoyId;
}

function insertConvoy(ctx: Ctx, body: SlingConvoyBody, rigId: string, mode: ConvoyMode): string {
  const id = ctx.id("convoy");
  insertBead(ctx, id, {
    type: "convoy",
    kind: null,
    title: body.title,
    body: "",
    rigId,
    priority: DEFAULT_PRIORITY,
    metadata: body.metadata ?? {},
  });
  ctx.sql.run("insert into convoys (bead_id, mode, state) values (?, ?, 'staged')", id, mode);
  const seq = audit(ctx, {
    kind: "convoy.created",
    subject: { type: "bead", id },
    convoyId: id,
    rigId,
    text: `Convoy ${body.title} with ${body.tasks.length} bead(s)`,
    data: { total: body.tasks.length, mode, ending: idEnding(id) },
  });
  setVersion(ctx, id, seq);
  return id;
}

export function insertTask(
  ctx: Ctx,
  task: SlingConvoyBody["tasks"][number],
  rigId: string,
  convoyId: string,
): string {
  const steps = plannedSteps(ctx, rigId, task);
  const id = ctx.id("bead");
  insertBead(ctx, id, {
    type: "issue",
    kind: "work",
    title: task.title,
    body: task.body ?? "",
    rigId,
    convoyId,
    parentId: convoyId,
    priority: task.priority ? PRIORITIES.indexOf(task.priority) : DEFAULT_PRIORITY,
    labels: task.labels ?? [],
    metadata: task.metadata ?? {},
    model: task.model,
    runtime: task.runtime,
  });
  if (steps) storeSteps(ctx, id, steps);
  const seq = audit(ctx, {
    kind: "bead.created",
    subject: { type: "bead", id },
    beadId: id,
    convoyId,
    rigId,
    text: `New bead: ${task.title}`,
    data: { kind: "work" },
  });
  setVersion(ctx, id, seq);
  return id;
}

/** `staged → active`; its feature branches are made before its first bead starts. */
export function startConvoy(ctx: Ctx, id: string): void {
  const convoy = convoyRow(ctx, id);
  if (convoy?.state !== "staged") {
    throw new GastownError(
      "convoy_not_staged",
      `This convoy is ${convoy?.state ?? "unknown"} already; only a staged one can be started.`,
    );
  }
  ctx.sql.run("update convoys set started_at = ? where bead_id = ?", ctx.now, id);
  moveConvoy(ctx, convoy, "active", { kind: "convoy.started", text: "started" });
  makeBranches(ctx, id);
}

export function moveConvoy(
  ctx: Ctx,
  convoy: ConvoyRow,
  to: ConvoyState,
  event: { kind: string; text: string; reason?: string; data?: Record<string, unknown> },
): number {
  const bead = ctx.sql.get<{ title: string; rig_id: string | null }>(
    "select title, rig_id from beads where id = ?",
    convoy.bead_id,
  );
  return move(ctx, {
    machine: "convoy",
    id: convoy.bead_id,
    from: convoy.state,
    to,
    reason: event.reason ?? null,
    event: {
      kind: event.kind,
      subject: { type: "bead", id: convoy.bead_id },
      convoyId: convoy.bead_id,
      rigId: bead?.rig_id ?? null,
      text: `Convoy ${bead?.title ?? ""}: ${event.text}`,
      data: event.data ?? {},
    },
  });
}
