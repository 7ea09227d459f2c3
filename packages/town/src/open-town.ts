/** Opens a town on its database: every method is one transaction at the town's own time. */
import { effectiveConfig, GastownError, NEW_TOWN_CONFIG, shortId } from "@gastown/protocol";
import { audit, newestSeq, readFeed } from "./audit/audit.ts";
import { toAgent, type AgentRow } from "./agents/agents.ts";
import { agentTools } from "./agent-tools.ts";
import {
  closeIssue,
  failIssue,
  holdBead,
  retryIssue,
  retryMerge,
  sling,
  startBead,
} from "./beads/commands.ts";
import { townBulk } from "./beads/bulk.ts";
import { townChanges } from "./beads/town-changes.ts";
import { beadRow, findBead } from "./beads/bead-row.ts";
import { townUsage } from "./budgets/town-usage.ts";
import { watchAllBudgets } from "./budgets/watch.ts";
import { rigConfig, settings, storeConfig, townConfig } from "./config/store.ts";
import { tokenGrounds, tokenIssued } from "./credentials/issue.ts";
import { secretsOf, TOWN_SCOPE } from "./credentials/store.ts";
import { closeConvoy, retryConvoy, waiveMember } from "./convoys/commands.ts";
import { convoyRow, findConvoy, slingConvoy, startConvoy, type ConvoyRow } from "./convoys/convoys.ts";
import { townConvoys } from "./convoys/town-convoys.ts";
import { wakeDispatchers } from "./dependents.ts";
import { acknowledge, findEscalation, toEscalation, type EscalationRow } from "./escalations/escalations.ts";
import { resolveEscalation } from "./escalations/resolve.ts";
import { townHistory } from "./history/town-history.ts";
import { idempotent } from "./idempotency.ts";
import { followClock } from "./kernel/clock-jump.ts";
import { checkInvariants } from "./invariants.ts";
import { post } from "./inbox/inbox.ts";
import { TOWN_ACTOR, type Ctx } from "./kernel/context.ts";
import { idMaker } from "./kernel/ids.ts";
import { schedule } from "./kernel/schedule.ts";
import { townMail } from "./mail/town-mail.ts";
import { mayorMethods } from "./mayor/methods.ts";
import { migrate } from "./migrations/migrate.ts";
import { townMolecules } from "./molecules/town-molecules.ts";
import { townDeadLetters } from "./outbox/dead-letters.ts";
import { townNeedsYou } from "./needs-you/town-needs-you.ts";
import { townNotify } from "./notify/town-notify.ts";
import { townNudges } from "./nudges/town-nudges.ts";
import { claimEffects } from "./outbox/claim.ts";
import { requeueRunning } from "./outbox/outbox.ts";
import { credentialsChanged } from "./reviews/credentials-changed.ts";
import { findMerge, type MergeRow } from "./reviews/merge-row.ts";
import { mergeCommands } from "./reviews/merge-commands.ts";
import { repair } from "./repair.ts";
import { askedRefs, forgetBranches } from "./rigs/forget-branches.ts";
import { removeRig } from "./rigs/remove.ts";
import { addRig, askForSetup, findRig, rigRows, toRig } from "./rigs/rigs.ts";
import { endRest } from "./runner/replacements.ts";
import { runnerMethods } from "./runner/town-runner.ts";
import { changeModel, changeState, interruptSession } from "./sessions/model.ts";
import { changeSettings } from "./sessions/settings-changed.ts";
import { findSession, type SessionRow } from "./sessions/session-row.ts";
import { requestStop } from "./sessions/stop.ts";
import { nextWakeAt, renewAllLeases, runTick } from "./tick.ts";
import type { Actor, MergeFilter, NewTown, Town, TownPorts } from "./town.ts";
import { townRow } from "./town-row.ts";
import { readTranscript } from "./transcript.ts";
import { toBeadDetail } from "./views/bead-detail.ts";
import { toBead } from "./views/beads.ts";
import { why } from "./views/why.ts";
import { beadCounts } from "./views/bead-counts.ts";
import { listBeads } from "./views/bead-list.ts";
import { toTown, townStatus } from "./views/status.ts";
import { toConvoy, toConvoyDetail, toMergeRequest, toSession } from "./views/work.ts";

/**
 * Migrates where needed; with `create` an empty database becomes a new town.
 * Throws `not_ready` for a database of a newer version, `not_found` for one without a town.
 */
export function openTown(ports: TownPorts, create?: NewTown): Town {
  const { sql } = ports;
  migrate(sql);
  if (create) createRow(ports, create);
  const row = sql.get<{ town_id: string }>("select town_id from town where id = 1");
  if (!row) throw new GastownError("not_found", "This database holds no town.");
  const makeId = idMaker(ports.now, ports.random);
  let lastTime = townRow({ sql }).last_time;

  const context = (actor: Actor): Ctx => {
    lastTime = Math.max(lastTime, ports.now());
    return {
      sql,
      townId: row.town_id,
      now: lastTime,
      id: makeId,
      actor,
      fallbackRuntime: ports.fallbackRuntime,
    };
  };
  const read = <T>(fn: (ctx: Ctx) => T): T => fn(context(TOWN_ACTOR));
  const write = <T>(actor: Actor, fn: (ctx: Ctx) => T): T =>
    sql.transaction(() => {
      const ctx = context(actor);
      const result = fn(ctx);
      sql.run("update town set last_time = ? where id = 1", ctx.now);
      return result;
    });
  const bead = (ctx: Ctx, id: string) => toBead(ctx, beadRow(ctx, id));
  const convoy = (ctx: Ctx, id: string) => toConvoyDetail(ctx, findConvoy(ctx, id));

  return {
    id: row.town_id,
    ...agentTools({ read, write }),
    ...townNudges({ read, write }),
    ...townNotify({ read, write }),
    ...townNeedsYou({ read, write }),
    ...townDeadLetters({ read, write }),
    ...townMail({ read, write }),
    ...townChanges({ read, write }),
    ...townConvoys({ read, write }),
    ...townBulk({ read, write }),
    ...townMolecules({ read, write }),
    ...townUsage({ read, write }),
    ...mayorMethods({ read, write }),
    ...runnerMethods({ read, write }),
    ...townHistory({ read, write }),

    tick: () => {
      const before = lastTime;
      lastTime = followClock(sql, ports.now(), lastTime);
      if (lastTime < before) write(TOWN_ACTOR, watchAllBudgets);
      return write(TOWN_ACTOR, runTick);
    },
    nextWakeAt: () => read(nextWakeAt),
    post: (fact) => write(TOWN_ACTOR, (ctx) => post(ctx, fact)),
    hostStarted: () =>
      write(TOWN_ACTOR, (ctx) => {
        requeueRunning(ctx);
        // The host before this one knew who waits for a runner; this one does not yet.
        endRest(ctx);
        renewAllLeases(ctx);
        schedule(ctx, "runner", "runner");
        schedule(ctx, "mayor", "mayor");
      }),
    claimEffects: (limit) => write(TOWN_ACTOR, (ctx) => claimEffects(ctx, limit)),

    town: () => read(toTown),
    addRig: (input, actor, secrets) => write(actor, (ctx) => addRig(ctx, input, secrets)),
    rigs: () => read((ctx) => rigRows(ctx).map((rig) => toRig(ctx, rig))),
    rig: (ref) => read((ctx) => toRig(ctx, findRig(ctx, ref))),
    removeRig: (ref, options, actor) => write(actor, (ctx) => removeRig(ctx, ref, options.force)),
    forgetBranches: (ref, actor) => write(actor, (ctx) => forgetBranches(ctx, ref)),
    askedRefs: (asked) => read((ctx) => askedRefs(ctx, asked)),
    verifyRig: (ref, actor) =>
      write(actor, (ctx) => {
        const rig = findRig(ctx, ref);
        askForSetup(ctx, rig.id);
        return toRig(ctx, rig);
      }),
    config: () => read((ctx) => ({ ...townConfig(ctx), effective: settings(ctx, null) })),
    rigConfig: (ref) =>
      read((ctx) => {
        const rig = findRig(ctx, ref);
        return { ...rigConfig(ctx, rig.id), effective: settings(ctx, rig.id) };
      }),
    setConfig: (config, actor, secrets) =>
      write(actor, (ctx) => {
        changeSettings(ctx, null, config, secrets);
        watchAllBudgets(ctx);
        if (secrets && secrets.length > 0) credentialsChanged(ctx, null);
      }),
    setRigConfig: (ref, config, actor, secrets) =>
      write(actor, (ctx) => {
        const { id } = findRig(ctx, ref);
        changeSettings(ctx, id, config, secrets);
        watchAllBudgets(ctx);
        if (secrets && secrets.length > 0) credentialsChanged(ctx, id);
      }),
    secrets: (ref) => read((ctx) => secretsOf(ctx, ref === null ? TOWN_SCOPE : findRig(ctx, ref).id)),
    tokenGrounds: (claim) => read((ctx) => tokenGrounds(ctx, claim)),
    tokenIssued: (issue) => write(TOWN_ACTOR, (ctx) => tokenIssued(ctx, issue)),
    pause: (reason, actor) => write(actor, (ctx) => setPaused(ctx, reason)),
    resume: (actor) => write(actor, (ctx) => setPaused(ctx, null)),

    sling: (rigRef, body, options, actor) =>
      write(actor, (ctx) => bead(ctx, sling(ctx, rigRef, body, options.held))),
    beads: (filter, page) => read((ctx) => listBeads(ctx, filter, page)),
    beadCounts: (filter, by) => read((ctx) => beadCounts(ctx, filter, by)),
    bead: (ref) => read((ctx) => toBeadDetail(ctx, findBead(ctx, ref))),
    why: (ref) => read((ctx) => why(ctx, findBead(ctx, ref))),
    holdBead: (ref, actor) => write(actor, (ctx) => bead(ctx, holdBead(ctx, ref))),
    startBead: (ref, actor) => write(actor, (ctx) => bead(ctx, startBead(ctx, ref))),
    closeBead: (ref, reason, note, actor) =>
      write(actor, (ctx) => bead(ctx, closeIssue(ctx, ref, reason, note))),
    failBead: (ref, note, actor) => write(actor, (ctx) => bead(ctx, failIssue(ctx, ref, note))),
    retryBead: (ref, options, actor) => write(actor, (ctx) => bead(ctx, retryIssue(ctx, ref, options))),
    slingConvoy: (body, actor) => write(actor, (ctx) => convoy(ctx, slingConvoy(ctx, body))),
    convoys: (filter) => read((ctx) => listConvoys(ctx, filter)),
    convoy: (ref) => read((ctx) => convoy(ctx, ref)),
    startConvoy: (ref, actor) =>
      write(actor, (ctx) => {
        const { bead_id } = findConvoy(ctx, ref);
        startConvoy(ctx, bead_id);
        return convoy(ctx, bead_id);
      }),
    waiveMember: (convoyRef, beadRef, note, actor) =>
      write(actor, (ctx) => convoy(ctx, waiveMember(ctx, convoyRef, beadRef, note))),
    retryConvoy: (ref, actor) => write(actor, (ctx) => convoy(ctx, retryConvoy(ctx, ref))),
    closeConvoy: (ref, note, actor) => write(actor, (ctx) => convoy(ctx, closeConvoy(ctx, ref, note))),
    merges: (filter) => read((ctx) => listMerges(ctx, filter)),
    merge: (ref) => read((ctx) => toMergeRequest(ctx, findMerge(ctx, ref))),
    retryMerge: (ref, actor) =>
      write(actor, (ctx) => toMergeRequest(ctx, findMerge(ctx, retryMerge(ctx, ref)))),
    ...mergeCommands({ read, write }),

    agents: () =>
      read((ctx) =>
        ctx.sql.all<AgentRow>("select * from agents order by created_at").map((agent) => toAgent(ctx, agent)),
      ),
    sessions: (filter) => read((ctx) => listSessions(ctx, filter)),
    session: (ref) => read((ctx) => toSession(ctx, findSession(ctx, ref))),
    stopSession: (ref, mode, note, actor) =>
      write(actor, (ctx) => {
        const session = findSession(ctx, ref);
        if (session.state !== "ended") requestStop(ctx, session, mode, note || `stopped by ${actor.name}`);
        return toSession(ctx, findSession(ctx, session.id));
      }),
    interruptSession: (ref, actor) =>
      write(actor, (ctx) => {
        const session = findSession(ctx, ref);
        return toSession(ctx, interruptSession(ctx, session) ?? session);
      }),
    changeModel: (ref, models, actor) =>
      write(actor, (ctx) => ({ changeId: changeModel(ctx, findSession(ctx, ref), models) })),
    changeState: (changeId) => read((ctx) => changeState(ctx, changeId)),
    transcript: (ref, after, limit) =>
      read((ctx) => readTranscript(ctx, findSession(ctx, ref).id, after, limit)),
    escalations: (filter) => read((ctx) => listEscalations(ctx, filter)),
    escalation: (ref) => read((ctx) => toEscalation(ctx, findEscalation(ctx, ref))),
    acknowledgeEscalation: (ref, actor) =>
      write(actor, (ctx) => {
        const row = findEscalation(ctx, ref);
        acknowledge(ctx, row);
        return toEscalation(ctx, findEscalation(ctx, row.bead_id));
      }),
    resolveEscalation: (ref, input, actor) =>
      write(actor, (ctx) => {
        const row = findEscalation(ctx, ref);
        resolveEscalation(ctx, row, input);
        return toEscalation(ctx, findEscalation(ctx, row.bead_id));
      }),

    configVersion: () => townRow({ sql }).config_version,

    newestSeq: () => read(newestSeq),
    feed: (query) => read((ctx) => readFeed(ctx, query)),
    status: () => read(townStatus),
    idempotent: (request, fn) => sql.transaction(() => idempotent(context(TOWN_ACTOR), request, fn)),
    checkInvariants: () => read(checkInvariants),
    repair: (apply) => write(TOWN_ACTOR, (ctx) => repair(ctx, apply)),
  };
}

function createRow(ports: TownPorts, create: NewTown): void {
  const { sql } = ports;
  if (sql.get<{ id: number }>("select id from town where id = 1")) {
    throw new GastownError("already_exists", "This database holds a town already.");
  }
  sql.transaction(() => {
    const now = ports.now();
    sql.run(
      "insert into town (id, town_id, name, created_at, last_time) values (1, ?, ?, ?, ?)",
      create.id,
      create.name,
      now,
      now,
    );
    const ctx: Ctx = {
      sql,
      townId: create.id,
      now,
      id: idMaker(ports.now, ports.random),
      actor: TOWN_ACTOR,
      fallbackRuntime: ports.fallbackRuntime,
    };
    audit(ctx, {
      kind: "town.created",
      subject: { type: "town", id: create.id },
      text: `Town ${create.name} (${shortId(create.id)}) founded`,
      data: { runtime: effectiveConfig({}, {}, ports.fallbackRuntime).runtime },
    });
    storeConfig(ctx, null, NEW_TOWN_CONFIG);
  });
}

function setPaused(ctx: Ctx, reason: string | null): void {
  ctx.sql.run(
    "update town set paused_at = ?, paused_reason = ? where id = 1",
    reason === null ? null : ctx.now,
    reason,
  );
  audit(ctx, {
    kind: reason === null ? "town.resumed" : "town.paused",
    subject: { type: "town", id: ctx.townId },
    text:
      reason === null
        ? `The town goes on (${ctx.actor.name})`
        : `The town is paused by ${ctx.actor.name}${reason ? `: ${reason}` : ""}`,
  });
  wakeDispatchers(ctx);
  schedule(ctx, "mayor", "mayor");
  for (const lane of ctx.sql.all<{ rig_id: string; target: string }>(
    "select distinct rig_id, target from merge_requests where state = 'approved'",
  )) {
    schedule(ctx, "lane", `${lane.rig_id} ${lane.target}`);
  }
}

function listConvoys(ctx: Ctx, filter: { state?: string | undefined; rigId?: string | undefined }) {
  const rows = ctx.sql.all<ConvoyRow>(
    `select c.* from convoys c join beads b on b.id = c.bead_id
     where (?1 is null and c.state not in ('landed', 'closed') or c.state = ?1) and (?2 is null or b.rig_id = ?2)
     order by b.created_at desc limit 200`,
    filter.state ?? null,
    filter.rigId ?? null,
  );
  return rows.map((row) => toConvoy(ctx, convoyRow(ctx, row.bead_id) ?? row));
}

function listMerges(ctx: Ctx, filter: MergeFilter) {
  return ctx.sql
    .all<MergeRow>(
      `select * from merge_requests where (?1 is null and state not in ('merged', 'failed') or state = ?1)
         and (?2 is null or rig_id = ?2) and (?3 is null or convoy_id = ?3) and (?4 is null or adopted = ?4)
       order by created_at desc limit 200`,
      filter.state ?? null,
      filter.rigId ?? null,
      filter.convoyId ?? null,
      filter.adopted === undefined ? null : Number(filter.adopted),
    )
    .map((row) => toMergeRequest(ctx, row));
}

function listSessions(ctx: Ctx, filter: { live?: boolean; beadId?: string; agentId?: string }) {
  const { live, agentId } = filter;
  const beadId = filter.beadId === undefined ? undefined : findBead(ctx, filter.beadId).id;
  // One condition for each that is asked for: an index serves `?1 is null or …` never.
  const where = [
    ...(live === undefined ? [] : [live ? "state <> 'ended'" : "state = 'ended'"]),
    ...(beadId === undefined ? [] : ["bead_id = ?"]),
    ...(agentId === undefined ? [] : ["agent_id = ?"]),
  ];
  const values = [beadId, agentId].filter((value) => value !== undefined);
  const conditions = where.length === 0 ? "" : `where ${where.join(" and ")}`;
  return ctx.sql
    .all<SessionRow>(
      `select * from sessions ${conditions} order by started_at desc, id desc limit 200`,
      ...values,
    )
    .map((row) => toSession(ctx, row));
}

function listEscalations(ctx: Ctx, filter: { open?: boolean | undefined }) {
  return ctx.sql
    .all<EscalationRow>(
      "select * from escalations where (?1 is null or open = ?1) order by created_at desc limit 200",
      filter.open === undefined ? null : filter.open ? 1 : 0,
    )
    .map((row) => toEscalation(ctx, row));
}
