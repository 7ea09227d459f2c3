/**
 * Fills a town with live beads by bulk SQL: an honest way would be as many commands, and takes
 * minutes. What is written is what the engine would have written; `checkInvariants` agrees.
 */
import { idMaker, type Sql, type SqlValue } from "@gastown/town";

const HOUR = 3_600_000;
const AUTHOR = JSON.stringify({ kind: "person", id: "user_local", name: "you" });
const BODY = "What is wanted, why, how it can be told that it is there, and where to begin. ".repeat(4);
const HEAD = "0123456789abcdef0123456789abcdef01234567";

/** How live beads stand, in twentieths: most wait for something, some are in review. */
const MIX = [
  ...Array<Standing>(8).fill("blocked"),
  ...Array<Standing>(4).fill("ready"),
  ...Array<Standing>(3).fill("held"),
  ...Array<Standing>(3).fill("cooldown"),
  ...Array<Standing>(2).fill("in_review"),
];
type Standing = "blocked" | "ready" | "held" | "cooldown" | "in_review";

export interface LiveBeads {
  /** Ids of open beads by what they wait for. */
  readonly ids: Readonly<Record<Standing, readonly string[]>>;
}

interface Filling {
  readonly sql: Sql;
  readonly rigs: readonly string[];
  readonly now: number;
  readonly newId: ReturnType<typeof idMaker>;
  readonly ids: Record<Standing, string[]>;
}

/** Adds `count` live beads, spread over the rigs, in one transaction. */
export function addLiveBeads(sql: Sql, rigs: readonly string[], count: number, now: number): LiveBeads {
  const random = (): Uint8Array => crypto.getRandomValues(new Uint8Array(16));
  const ids = { blocked: [], ready: [], held: [], cooldown: [], in_review: [] };
  const filling: Filling = { sql, rigs, now, newId: idMaker(() => now, random), ids };
  sql.transaction(() => {
    // The ready ones first: something must be there to be waited for.
    const standings = Array.from({ length: count }, (_, i) => MIX[i % MIX.length] ?? "ready");
    const order = standings.toSorted((a, b) => Number(b === "ready") - Number(a === "ready"));
    for (const [i, standing] of order.entries()) addBead(filling, i, standing);
  });
  return { ids };
}

function insert(sql: Sql, table: string, row: Readonly<Record<string, SqlValue>>): void {
  const names = Object.keys(row);
  sql.run(
    `insert into ${table} (${names.join(", ")}) values (${names.map(() => "?").join(", ")})`,
    ...Object.values(row),
  );
}

function addBead(f: Filling, i: number, standing: Standing): void {
  const id = f.newId("bead");
  const rigId = f.rigs[f.ids[standing].length % f.rigs.length] ?? "";
  const at = f.now - ((i * 37) % 500) * 60_000;
  const until = f.now + HOUR * (1 + (i % 48));
  const blocker = f.ids.ready[i % Math.max(1, f.ids.ready.length)] ?? id;
  insert(f.sql, "beads", {
    id,
    ending: id.slice(-8).toLowerCase(),
    type: "issue",
    kind: "work",
    status: standing === "in_review" ? "in_review" : "open",
    title: `Bead number ${i}`,
    body: BODY,
    rig_id: rigId,
    priority: i % 4,
    labels: "[]",
    metadata: "{}",
    held: standing === "held" ? "person" : null,
    created_by: AUTHOR,
    created_at: at,
    updated_at: at,
    convoy_at: at,
    waiting: waitingOf(standing, blocker, until, at),
    ready: standing === "ready" ? 1 : 0,
    run_failures: standing === "cooldown" ? 1 : 0,
    cooldown_until: standing === "cooldown" ? until : 0,
    version: i + 1,
  });
  f.ids[standing].push(id);
  if (standing === "blocked") insert(f.sql, "dependencies", { from_id: id, to_id: blocker, kind: "blocks" });
  if (standing === "cooldown") insert(f.sql, "schedule", { kind: "bead", id, due_at: until });
  if (standing === "in_review") addMerge(f, id, rigId, i, at);
  addAudit(f, id, rigId, i, at);
}

function waitingOf(standing: Standing, blocker: string, until: number, since: number): string | null {
  switch (standing) {
    case "blocked":
      return JSON.stringify({ code: "blocked", message: "waits for another bead", ids: [blocker], since });
    case "held":
      return JSON.stringify({ code: "held", message: "held (person) until somebody starts it", since });
    case "cooldown":
      return JSON.stringify({ code: "cooldown", message: "waits after 1 failed attempt(s)", until, since });
    default:
      return null;
  }
}

/** Most wait for a reviewer, every third rests after a review that ended without a verdict. */
function addMerge(f: Filling, sourceId: string, rigId: string, i: number, at: number): void {
  const id = f.newId("bead");
  const rests = f.ids.in_review.length % 3 === 0;
  const cooldown = rests ? f.now + HOUR * (1 + (i % 48)) : 0;
  const waiting = JSON.stringify({ code: "review_slot", message: "waits for a reviewer", since: at });
  const common = { priority: i % 4, created_at: at, updated_at: at, convoy_at: at, waiting };
  insert(f.sql, "beads", {
    ...common,
    id,
    ending: id.slice(-8).toLowerCase(),
    type: "merge_request",
    status: "open",
    title: `Merge of bead number ${i}`,
    body: "",
    rig_id: rigId,
    labels: "[]",
    metadata: "{}",
    created_by: AUTHOR,
  });
  insert(f.sql, "merge_requests", {
    ...common,
    bead_id: id,
    source_id: sourceId,
    rig_id: rigId,
    branch: `gt/toast/${sourceId.slice(-8).toLowerCase()}`,
    target: "main",
    strategy: "direct",
    method: "merge",
    state: "queued",
    head_sha: HEAD,
    review_wanted: 1,
    cooldown_until: cooldown,
  });
  if (rests) insert(f.sql, "schedule", { kind: "merge", id, due_at: cooldown });
}

/** Its history in the feed: made, and told why it waits. */
function addAudit(f: Filling, id: string, rigId: string, i: number, at: number): void {
  for (const kind of ["bead.created", "bead.waiting"]) {
    insert(f.sql, "audit", {
      at,
      actor: AUTHOR,
      subject_type: "bead",
      subject_id: id,
      kind,
      rig_id: rigId,
      bead_id: id,
      text: `${kind} of bead number ${i}`,
      data: "{}",
    });
  }
}
