/**
 * The same command for many beads (spec/api.md §3.5): each succeeds or is refused by itself, with the
 * rules and words of the single command. A batch is one transaction; between batches others get their turn.
 */
import { GastownError, type BeadFilter, type BulkAction, type BulkResult } from "@gastown/protocol";
import type { Access, Ctx } from "../kernel/context.ts";
import { fromJson } from "../kernel/json.ts";
import type { Actor } from "../town.ts";
import { matchingIds } from "../views/bead-list.ts";
import { z } from "zod";
import { findBead } from "./bead-row.ts";
import { deleteBead, updateBead } from "./change.ts";
import { closeIssue, failIssue, holdBead, retryIssue, startBead } from "./commands.ts";

/** One batch, and how many beads a filter may mean at most. */
export const BULK_BATCH = 256;
const MOST = 100_000;

export interface BulkChange {
  action: BulkAction;
  note: string;
  /** Of the action `label`. */
  labels: readonly string[];
  /** Deletes also what is at work. */
  force: boolean;
}

export interface TownBulk {
  /** Units of work that a filter means, newest first. Throws `payload_too_large` where they are too many. */
  beadsMeant(filter: BeadFilter): string[];
  /** At most `BULK_BATCH` of them. With `dryRun` nothing stays of it. */
  changeBeads(refs: readonly string[], change: BulkChange, dryRun: boolean, actor: Actor): BulkResult[];
}

/** Takes a whole batch back, with its results. */
class OnlyTried extends Error {
  readonly results: BulkResult[];
  constructor(results: BulkResult[]) {
    super("a dry run");
    this.results = results;
  }
}

export function townBulk({ read, write }: Access): TownBulk {
  return {
    beadsMeant: (filter) =>
      read((ctx) => {
        const ids = matchingIds(ctx, { ...filter, type: ["issue"] }, MOST + 1);
        if (ids.length <= MOST) return ids;
        throw new GastownError("payload_too_large", `More than ${MOST} beads match. Narrow the filter down.`);
      }),
    changeBeads: (refs, change, dryRun, actor) => {
      try {
        return write(actor, (ctx) => {
          const results = refs.map((ref) => one(ctx, ref, change));
          if (dryRun) throw new OnlyTried(results);
          return results;
        });
      } catch (error) {
        if (error instanceof OnlyTried) return error.results;
        throw error;
      }
    },
  };
}

/** In a savepoint of its own: a command that refuses half-way leaves nothing. */
function one(ctx: Ctx, ref: string, change: BulkChange): BulkResult {
  try {
    return { beadId: ctx.sql.transaction(() => apply(ctx, ref, change)), ok: true };
  } catch (error) {
    if (!(error instanceof GastownError)) throw error;
    return { beadId: ref, ok: false, code: error.code, message: error.message };
  }
}

function apply(ctx: Ctx, ref: string, { action, note, labels, force }: BulkChange): string {
  switch (action) {
    case "close":
      return closeIssue(ctx, ref, "cancelled", note);
    case "fail":
      return failIssue(ctx, ref, note);
    case "retry":
      return retryIssue(ctx, ref, { fresh: false, note });
    case "hold":
      return holdBead(ctx, ref);
    case "start":
      return startBead(ctx, ref);
    case "label":
      return addLabels(ctx, ref, labels);
    default:
      return forget(ctx, ref, force);
  }
}

const MOST_LABELS = 20;
const stored = z.array(z.string());

function addLabels(ctx: Ctx, ref: string, added: readonly string[]): string {
  const bead = findBead(ctx, ref);
  const labels = [...new Set([...(fromJson(stored, bead.labels) ?? []), ...added])];
  if (labels.length > MOST_LABELS)
    throw new GastownError("validation_failed", `${bead.title} would have more than ${MOST_LABELS} labels.`);
  return updateBead(ctx, bead.id, { labels });
}

function forget(ctx: Ctx, ref: string, force: boolean): string {
  const { id } = findBead(ctx, ref);
  deleteBead(ctx, id, force);
  return id;
}
