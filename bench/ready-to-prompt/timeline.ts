/** When each step of a bead's start happened, read from the town's own database afterwards. */
import { DatabaseSync } from "node:sqlite";

/**
 * Epoch ms of each step of one bead's start; all clocks are those of one machine.
 *
 * | step | is |
 * |---|---|
 * | ready | the bead is stored; nothing keeps it from starting |
 * | dispatched | a tick gave it a slot: session row and effect |
 * | arrived | the runner took the start |
 * | worktree | the slot's directory is at the start point; null where the town was told of a later phase only |
 * | opened | the agent knows the conversation |
 * | prompted | the town's tools were listed, the prompt goes out |
 * | heard | the agent's first word of this turn: it has surely received the prompt |
 */
export interface Timeline {
  readonly ready: number;
  readonly dispatched: number;
  readonly arrived: number;
  readonly worktree: number | null;
  readonly opened: number;
  readonly prompted: number;
  readonly heard: number;
}
type Step = keyof Timeline;

/** What the steps cost, by the step that ends them. */
const COSTS: readonly (readonly [name: string, from: Step, to: Step])[] = [
  ["tick", "ready", "dispatched"],
  ["effect over HTTP", "dispatched", "arrived"],
  ["worktree", "arrived", "worktree"],
  ["session/new with the tools' handshake", "worktree", "opened"],
  ["tools seen", "opened", "prompted"],
  ["prompt to the agent's first word", "prompted", "heard"],
];

/** Phases are the times at which the town was told; transcript items carry the runner's own. */
const QUERY = `
  with phase as (
    select json_extract(payload, '$.sessionId') as session, json_extract(payload, '$.phase') as name, min(at) as at
      from inbox where type = 'session_status' group by 1, 2),
  item as (
    select session_id as session, min(at) as at,
        case type when 'turn' then json_extract(data, '$.phase') else type end as name
      from transcript group by 1, 3)
  select b.created_at as ready, s.started_at as dispatched,
    (select at from item where session = s.id and name = 'start') as arrived,
    (select at from phase where session = s.id and name in ('process', 'handshake') order by at limit 1) as worktree,
    (select at from phase where session = s.id and name = 'tools') as opened,
    (select at from item where session = s.id and name = 'started') as prompted,
    (select at from item where session = s.id and name = 'update') as heard
  from sessions s join beads b on b.id = s.bead_id
  where s.role = 'polecat'
  order by s.started_at, s.id`;

/** Of every bead that was worked on, in order. Throws where one has no complete start. */
export function readTimelines(databasePath: string): Timeline[] {
  const db = new DatabaseSync(databasePath, { readOnly: true });
  try {
    return db.prepare(QUERY).all().map(read);
  } finally {
    db.close();
  }
}

function read(row: Readonly<Record<string, unknown>>): Timeline {
  const at = (step: Step): number => {
    const value = row[step];
    if (typeof value === "number") return value;
    throw new Error(`A start is not complete: ${JSON.stringify(row)}`);
  };
  return {
    ready: at("ready"),
    dispatched: at("dispatched"),
    arrived: at("arrived"),
    worktree: row["worktree"] === null ? null : at("worktree"),
    opened: at("opened"),
    prompted: at("prompted"),
    heard: at("heard"),
  };
}

/** What each step cost, in milliseconds, over the beads for which both its ends are known. */
export function costs(timelines: readonly Timeline[]): readonly (readonly [name: string, ms: number[]])[] {
  return COSTS.map(([name, from, to]) => {
    const ms = timelines.flatMap(({ [from]: began, [to]: ended }) =>
      began === null || ended === null ? [] : [ended - began],
    );
    return [name, ms];
  });
}
