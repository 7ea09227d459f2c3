/** Rigs: the town's repositories (spec/town.md §1, §5). */
import {
  GastownError,
  type ForgeKind,
  type Rig,
  type SecretChange,
  type Formula,
  type FormulaProblem,
  type MergeState,
} from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { escalate, mootEscalations } from "../escalations/escalations.ts";
import { secretsOf, storeSecrets, TOWN_SCOPE } from "../credentials/store.ts";
import { MINUTE, type Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import { schedule, unschedule } from "../kernel/schedule.ts";
import type { Row } from "../kernel/sql.ts";
import { storeFormulas } from "../molecules/formulas.ts";
import { enqueue, underWay } from "../outbox/outbox.ts";
import { move } from "../status.ts";

export type RigRow = Row & {
  id: string;
  name: string;
  git_url: string;
  default_branch: string | null;
  /** Set where the address alone does not say what kind of hosting it is. */
  forge: ForgeKind | null;
  state: "pending" | "ready" | "broken";
  reason: string | null;
  setup_failures: number;
  gate: string | null;
  created_at: number;
  updated_at: number;
  version: number;
};

export function addRig(
  ctx: Ctx,
  input: {
    name: string;
    gitUrl: string;
    defaultBranch?: string | undefined;
    forge?: ForgeKind | undefined;
  },
  secrets: readonly SecretChange[] = [],
): Rig {
  const taken = ctx.sql.get<{ id: string }>("select id from rigs where name = ?", input.name);
  if (taken) {
    throw new GastownError(
      "name_taken",
      `There is already a rig called ${input.name} in this town. Choose another name with --name.`,
      { existing: taken.id },
    );
  }
  const id = ctx.id("rig");
  ctx.sql.run(
    `insert into rigs (id, name, git_url, default_branch, forge, state, created_at, updated_at)
     values (?, ?, ?, ?, ?, 'pending', ?, ?)`,
    id,
    input.name,
    input.gitUrl,
    input.defaultBranch ?? null,
    input.forge ?? null,
    ctx.now,
    ctx.now,
  );
  const seq = audit(ctx, {
    kind: "rig.created",
    subject: { type: "rig", id },
    rigId: id,
    text: `Rig ${input.name} added`,
  });
  ctx.sql.run("update rigs set version = ? where id = ?", seq, id);
  storeSecrets(ctx, id, secrets);
  askForSetup(ctx, id);
  return toRig(ctx, rigRow(ctx, id));
}

/** By id, by an unambiguous id ending, or by name. */
export function findRig(ctx: Ctx, ref: string): RigRow {
  const exact = ctx.sql.get<RigRow>("select * from rigs where id = ?1 or name = ?1", ref);
  if (exact) return exact;
  const ending = ref.replace(/^rig_/, "").toUpperCase();
  const matches = ending.length < 4 ? [] : rigRows(ctx).filter((rig) => rig.id.endsWith(ending));
  const [only] = matches;
  if (only && matches.length === 1) return only;
  const names = rigRows(ctx).map((rig) => rig.name);
  throw new GastownError(
    "not_found",
    names.length === 0
      ? `There is no rig ${ref}: this town has no repositories yet. Add one with: gastown rig add <url or path>.`
      : `There is no rig ${ref} in this town. It has: ${names.join(", ")}.`,
  );
}

function rigRow(ctx: Ctx, id: string): RigRow {
  const row = ctx.sql.get<RigRow>("select * from rigs where id = ?", id);
  if (!row) throw new GastownError("not_found", `There is no rig ${id} in this town.`);
  return row;
}

export function rigRows(ctx: Ctx): RigRow[] {
  return ctx.sql.all<RigRow>("select * from rigs order by created_at, id");
}

/** Sets the repository up (again): clone or fetch, default branch, credential. */
export function askForSetup(ctx: Ctx, rigId: string): void {
  enqueue(ctx, { kind: "setup_rig", subject: rigId, key: `setup:${rigId}` });
}

export function setupSucceeded(
  ctx: Ctx,
  rigId: string,
  found: {
    defaultBranch: string;
    headSha: string;
    formulas: readonly Formula[];
    problems: readonly FormulaProblem[];
  },
): void {
  const rig = ctx.sql.get<RigRow>("select * from rigs where id = ?", rigId);
  if (!rig) return;
  ctx.sql.run(
    "update rigs set default_branch = ?, setup_failures = 0 where id = ?",
    found.defaultBranch,
    rigId,
  );
  storeFormulas(ctx, rigId, found.formulas, found.problems);
  unschedule(ctx, "rig", rigId);
  mootEscalations(ctx, rigId, RIG_BROKEN);
  if (rig.state === "ready") return;
  move(ctx, {
    machine: "rig",
    id: rigId,
    from: rig.state,
    to: "ready",
    event: {
      kind: "rig.verified",
      subject: { type: "rig", id: rigId },
      rigId,
      text: `Rig ${rig.name} is ready on branch ${found.defaultBranch}`,
      data: { head: found.headSha },
    },
  });
}

/** The repository cannot be used now. Beads of it wait and count nothing (spec/town.md §5). */
export function rigFailed(ctx: Ctx, rigId: string, problem: { message: string; action: string }): void {
  const rig = ctx.sql.get<RigRow>("select * from rigs where id = ?", rigId);
  if (!rig) return;
  const failures = rig.setup_failures + 1;
  ctx.sql.run("update rigs set setup_failures = ? where id = ?", failures, rigId);
  schedule(ctx, "rig", rigId, ctx.now + Math.min(MINUTE * 2 ** (failures - 1), 60 * MINUTE));
  move(ctx, {
    machine: "rig",
    id: rigId,
    from: rig.state,
    to: "broken",
    reason: `${problem.message} ${problem.action}`.trim(),
    event: {
      kind: "rig.broken",
      subject: { type: "rig", id: rigId },
      rigId,
      text: `Rig ${rig.name} cannot be used: ${problem.message}`,
      data: { action: problem.action, failures },
    },
  });
  askAbout(ctx, rig, problem);
}

/** One is open for as long as the rig is broken: a person is asked once for each episode. */
const RIG_BROKEN = "rig_broken";

function askAbout(ctx: Ctx, rig: RigRow, problem: { message: string; action: string }): void {
  escalate(ctx, {
    severity: "high",
    category: RIG_BROKEN,
    subject: rig.id,
    title: `The repository ${rig.name} cannot be used`,
    body: `${problem.message} ${problem.action}`.trim(),
    choices: [{ id: "retry", label: "Try again now" }],
    source: { rigId: rig.id },
  });
}

/** Due while the rig is broken and work waits for it: tries its set-up again. */
export function rigController(ctx: Ctx, id: string): number | null {
  const rig = ctx.sql.get<RigRow>("select * from rigs where id = ?", id);
  if (rig?.state === "broken" && isWaitedFor(ctx, id)) askForSetup(ctx, id);
  return null;
}

/**
 * With nothing to do there, a broken repository is left alone: a town without work makes no ticks. The landing of
 * a convoy waits when all of its beads are closed.
 */
function isWaitedFor(ctx: Ctx, rigId: string): boolean {
  return (
    ctx.sql.get(
      `select id from beads where rig_id = ?1 and type = 'issue' and status in ('open', 'in_progress', 'in_review')
       union all
       select bead_id from merge_requests where rig_id = ?1 and state in (${UNDER_WAY}) limit 1`,
      rigId,
    ) !== undefined
  );
}

const UNDER_WAY = (["queued", "reviewing", "changes_requested", "approved", "landing"] satisfies MergeState[])
  .map((state) => `'${state}'`)
  .join(", ");

/** Work came for a broken rig. It has a time for its next try, or one is under way, or this is the first to ask. */
export function wantBrokenRig(ctx: Ctx, rigId: string): void {
  if (ctx.sql.get("select id from schedule where kind = 'rig' and id = ?", rigId)) return;
  if (!underWay(ctx, "setup_rig", rigId)) schedule(ctx, "rig", rigId);
}

export function toRig(ctx: Ctx, row: RigRow): Rig {
  return {
    id: row.id,
    townId: ctx.townId,
    name: row.name,
    gitUrl: row.git_url,
    defaultBranch: row.default_branch ?? "",
    forge: forgeOf(ctx, row),
    state: row.state,
    ...(row.reason === null ? {} : { stateReason: row.reason }),
    createdAt: iso(row.created_at),
    updatedAt: iso(row.updated_at),
    version: row.version,
  };
}

/**
 * What kind of hosting a rig has: as set, else by the host of its address, of which the town's own GitLab
 * is one (`credentials.gitlab_url`, which is no secret). `git` has no pull requests.
 */
export function forgeOf(ctx: Ctx, rig: { git_url: string; forge: ForgeKind | null }): ForgeKind {
  if (rig.forge !== null) return rig.forge;
  const host = hostOf(rig.git_url);
  if (host === "github.com") return "github";
  if (host === "gitlab.com") return "gitlab";
  const own = secretsOf(ctx, TOWN_SCOPE).find(({ key }) => key === "gitlab_url")?.masked;
  return host !== "" && own !== undefined && hostOf(own) === host ? "gitlab" : "git";
}

/** With its port where the address has one; empty for a path. */
function hostOf(address: string): string {
  const url = /^(?:https?|git):\/\/(?:[^@/]+@)?([^/]+)/i.exec(address)?.[1];
  const ssh = /^(?:ssh:\/\/)?(?:[^@/]+@)?([^:/]+)/i.exec(address)?.[1];
  return (url ?? ssh ?? "").toLowerCase();
}
