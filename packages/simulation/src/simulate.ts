/** One scenario from its beginning to its rest, in one thread. */
import type { Row, Sql, Town } from "@gastown/town";
import { checkPulls, watchedPulls } from "./checks/pulls.ts";
import { checkRest } from "./checks/ending.ts";
import { checkSecrets } from "./checks/secrets.ts";
import { checkUse } from "./checks/spending.ts";
import { ViolationFound, type Violation } from "./checks/violation.ts";
import { checkWork, workRemoved } from "./checks/work.ts";
import { Watcher } from "./checks/watcher.ts";
import { Executor } from "./host/executor.ts";
import { Fleet } from "./host/fleet.ts";
import { ForgeEffects } from "./host/forge-effects.ts";
import { Host } from "./host/host.ts";
import { Stretches } from "./host/power.ts";
import type { FaultKind } from "./kernel/faults.ts";
import { Network } from "./kernel/network.ts";
import { DAY, HOUR, SECOND } from "./kernel/timeline.ts";
import { troubleMachine } from "./people/machine.ts";
import { People } from "./people/people.ts";
import type { Scenario } from "./scenario.ts";
import { World, type RunnerDuty, type TraceEntry } from "./world/world.ts";

export interface Result {
  seed: number;
  virtualMs: number;
  ticks: number;
  steps: number;
  faults: Partial<Record<FaultKind, number>>;
  occasions: number;
  beads: number;
  merges: number;
  violation: Violation | null;
  trace: readonly TraceEntry[];
}

export interface SimulateOptions {
  /** Keeps a trace, and checks every invariant after every single transaction. */
  trace?: boolean;
  /** Replaces the engine by a broken one, which the checks must find. */
  breakTown?: (town: Town, now: () => number) => Town;
  /** The same for runners: what they fail to do. */
  lacks?: RunnerDuty;
}

/** How long the town has to come to rest once nothing goes wrong any more. */
const REST = 2 * DAY;
/** Then it must be quiet: this many ticks an hour at most. */
const QUIET_TICKS = 4;
/** And so many for each pull request that is watched: three for each of at most 6 polls. */
const POLL_TICKS = 18;
/** So long is looked at, and so often where a question was bumped meanwhile. */
const QUIET_HOURS = 6;
const QUIET_WINDOWS = 4;

/** Runs a scenario on an empty database. */
export function simulate(scenario: Scenario, sql: Sql, options: SimulateOptions = {}): Result {
  const world = new World(scenario.seed, scenario.faults, options.trace === true);
  world.lacks = options.lacks ?? null;
  const watcher = new Watcher(world, sql, options.trace === true);
  const network = new Network(world);
  const fleet: Fleet = new Fleet(world, network, () => host);
  const forge = new ForgeEffects(network, world.forge, (url, head) => watcher.askedToMerge(url, head));
  const executor = new Executor(network, fleet, forge);
  const restart = world.random.fork("restart");
  const count = { steps: 0 };
  const host: Host = new Host(world, {
    sql,
    perform: (effect, answer) => executor.perform(effect, answer),
    ...(options.breakTown === undefined ? {} : { wrap: options.breakTown }),
    onStep: (town) => {
      count.steps++;
      watcher.look(town);
    },
    onCrash: (power) => {
      fleet.hostCrashed();
      world.note(() => `the host is gone${power ? ", and the power" : ""}`);
      if (power) fleet.powerLost();
      world.time.after(restart.skewed(SECOND, 2 * HOUR), () => host.boot(false));
    },
  });
  const clock = new Stretches(world.time, sql, host.power, () => watcher.rewound());
  world.pushed = () => watcher.pushed();
  world.removed = (tree) => workRemoved(world, tree);
  world.letThrough = (claims, how) => watcher.letThrough(claims, how);
  const people = new People({ world, host, fleet, scenario });
  const violation = guarded(() => {
    host.boot(true);
    host.request((town) => people.begin(town));
    people.start();
    troubleMachine(world, host);
    clock.runTo(scenario.days * DAY);
    world.faults.stop();
    world.provider.recover();
    people.settle();
    world.forge.settle();
    repairTargets(world, sql);
    clock.runTo(world.time.now + REST);
    checkRest(sql);
    checkPulls(world, sql);
    checkWork(world, fleet.disks, sql);
    checkUse(world, sql);
    checkSecrets(sql);
    checkQuiet(world, host, clock, sql);
  });
  return {
    seed: scenario.seed,
    virtualMs: world.time.now,
    ticks: host.ticks,
    steps: count.steps,
    faults: world.faults.counts,
    occasions: world.faults.occasions,
    beads: sql.get<{ n: number }>("select count(*) as n from beads where type = 'issue'")?.n ?? 0,
    merges: watcher.merged,
    violation,
    trace: world.trace,
  };
}

/** People repair what is red on the branches that work goes to; a town cannot. */
function repairTargets(world: World, sql: Sql): void {
  const targets = sql.all<Row & { rig_id: string; target: string }>(
    "select rig_id, target from merge_requests union select rig_id, branch as target from convoy_branches",
  );
  for (const { rig_id, target } of targets) {
    const remote = world.remote(rig_id);
    const head = remote.branch(target);
    if (head !== null && world.history.get(head).red) remote.touch(target, [], false);
  }
}

/** 11: with no outside events a town goes quiet. */
function checkQuiet(world: World, host: Host, clock: Stretches, sql: Sql): void {
  // A mayor that was woken just now has its time to go.
  if (sql.get("select 1 from sessions where state <> 'ended'") !== undefined)
    clock.runTo(world.time.now + HOUR);
  for (let window = 1; ; window++) {
    const ticks = host.ticks;
    const bumps = bumpsOf(sql);
    clock.runTo(world.time.now + QUIET_HOURS * HOUR);
    const ticked = host.ticks - ticks;
    if (ticked <= QUIET_HOURS * (QUIET_TICKS + watchedPulls(sql) * POLL_TICKS)) return;
    // A question that nobody answered is told to the mayor again, three times, and it lives for some minutes then.
    if (bumpsOf(sql) === bumps || window === QUIET_WINDOWS)
      throw new ViolationFound(11, `at rest the town still ticked ${ticked} times in ${QUIET_HOURS} hours`);
  }
}

function bumpsOf(sql: Sql): number {
  return (
    sql.get<Row & { n: number }>("select count(*) as n from audit where kind = 'escalation.bumped'")?.n ?? 0
  );
}

function guarded(run: () => void): Violation | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof ViolationFound) return error.violation;
    return { invariant: 0, what: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
