/** Edges between beads; what waits for what must never go round in a circle (spec/town.md §3). */
import { GastownError } from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import type { BeadRow } from "./bead-row.ts";

export function addBlocker(ctx: Ctx, beadId: string, blockerId: string): void {
  if (beadId === blockerId) {
    throw new GastownError("invalid_dependency", "A bead cannot wait for itself. Leave that dependency out.");
  }
  refuseCycle(ctx, beadId, blockerId);
  linkNew(ctx, beadId, blockerId);
}

/** Throws `dependency_cycle` where the second already waits for the first, by whatever way. */
export function refuseCycle(ctx: Ctx, beadId: string, blockerId: string): void {
  const path = pathBetween(ctx, blockerId, beadId);
  if (path) {
    throw new GastownError(
      "dependency_cycle",
      `This would make beads wait for each other in a circle: ${[beadId, ...path].join(" → ")}. Remove one of these dependencies.`,
      { cycle: path },
    );
  }
}

/** Between beads of which nothing else knows yet, and whose graph was checked as a whole. */
export function linkNew(ctx: Ctx, beadId: string, blockerId: string): void {
  ctx.sql.run(
    "insert or ignore into dependencies (from_id, to_id, kind) values (?, ?, 'blocks')",
    beadId,
    blockerId,
  );
}

export function blockersOf(ctx: Ctx, beadId: string): BeadRow[] {
  return ctx.sql.all<BeadRow>(
    `select b.* from dependencies d join beads b on b.id = d.to_id
     where d.from_id = ? and d.kind = 'blocks' order by b.created_at, b.id`,
    beadId,
  );
}

export function blockedBy(ctx: Ctx, beadId: string): BeadRow[] {
  return ctx.sql.all<BeadRow>(
    `select b.* from dependencies d join beads b on b.id = d.from_id
     where d.to_id = ? and d.kind = 'blocks' order by b.created_at, b.id`,
    beadId,
  );
}

/** A path of waits from one bead to another, both ends included; null where there is none. */
function pathBetween(ctx: Ctx, from: string, to: string): string[] | null {
  const parent = new Map<string, string | null>([[from, null]]);
  const queue = [from];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (next === to) return walkBack(parent, to);
    for (const { id } of waitsFor(ctx, next)) {
      if (parent.has(id)) continue;
      parent.set(id, next);
      queue.push(id);
    }
  }
  return null;
}

/** Blockers, and for a convoy its members: it is done only when they are. */
function waitsFor(ctx: Ctx, id: string): { id: string }[] {
  return ctx.sql.all<{ id: string }>(
    `select to_id as id from dependencies where from_id = ?1 and kind = 'blocks'
     union select id from beads where convoy_id = ?1 and type = 'issue'`,
    id,
  );
}

function walkBack(parent: Map<string, string | null>, end: string): string[] {
  const path: string[] = [];
  for (let at: string | null | undefined = end; at; at = parent.get(at)) path.unshift(at);
  return path;
}

/**
 * Checks the task indices of a convoy that does not exist yet. Throws `invalid_dependency` for an
 * index out of range or to itself and `dependency_cycle` naming the tasks of a circle, in order.
 */
export function checkTaskGraph(
  tasks: readonly { title: string; dependsOn?: readonly number[] | undefined }[],
): void {
  tasks.forEach((task, index) => {
    for (const on of task.dependsOn ?? []) {
      if (on < 0 || on >= tasks.length || on === index) {
        throw new GastownError(
          "invalid_dependency",
          `Task ${index} (${task.title}) depends on ${on}, which is not another task of this convoy (0 to ${tasks.length - 1}).`,
          { task: index, dependsOn: on },
        );
      }
    }
  });
  const cycle = findCycle(tasks.map((task) => task.dependsOn ?? []));
  if (!cycle) return;
  const names = cycle.map((index) => `${index} (${tasks[index]?.title ?? "?"})`);
  throw new GastownError(
    "dependency_cycle",
    `These tasks wait for each other in a circle: ${[...names, names[0]].join(" → ")}. Remove one of these dependencies.`,
    { cycle },
  );
}

/** Depth-first search; the indices of one circle in order, or null. */
function findCycle(edges: readonly (readonly number[])[]): number[] | null {
  const state = edges.map((): "new" | "open" | "done" => "new");
  const path: number[] = [];
  const visit = (node: number): number[] | null => {
    if (state[node] === "done") return null;
    if (state[node] === "open") return path.slice(path.indexOf(node));
    state[node] = "open";
    path.push(node);
    for (const next of edges[node] ?? []) {
      const found = visit(next);
      if (found) return found;
    }
    path.pop();
    state[node] = "done";
    return null;
  };
  for (let node = 0; node < edges.length; node++) {
    const found = visit(node);
    if (found) return found;
  }
  return null;
}

/** Longest chain of tasks before each one: the wave in which it can start. */
export function waves(
  ids: readonly string[],
  edges: readonly { from: string; to: string }[],
): Map<string, number> {
  const wave = new Map<string, number>();
  const blockers = new Map<string, string[]>();
  for (const edge of edges) blockers.set(edge.from, [...(blockers.get(edge.from) ?? []), edge.to]);
  const depth = (id: string, seen: ReadonlySet<string>): number => {
    const known = wave.get(id);
    if (known !== undefined) return known;
    if (seen.has(id)) return 0;
    const next = new Set(seen).add(id);
    const value = Math.max(-1, ...(blockers.get(id) ?? []).map((blocker) => depth(blocker, next))) + 1;
    wave.set(id, value);
    return value;
  };
  for (const id of ids) depth(id, new Set());
  return wave;
}
