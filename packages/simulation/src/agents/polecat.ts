/** A worker: it commits, says that it is done, and follows what it is told; or it does not. */
import { MINUTE, SECOND, HOUR } from "../kernel/timeline.ts";
import type { AgentSession } from "../runner/agent-session.ts";

const FILES = 24;
const MAX_CALLS = 12;

export function workAsPolecat(session: AgentSession): void {
  const { faults } = session.runner.world;
  const { random } = session.runner;
  const duration = random.skewed(20 * SECOND, 40 * MINUTE);
  if (faults.hit("agent_crash")) {
    return session.later(duration / 2, () => {
      if (random.chance(0.5)) commit(session);
      if (random.chance(0.5)) session.paid();
      session.end("failed", "agent_exited");
    });
  }
  if (faults.hit("agent_hang")) {
    session.frozenAt = session.runner.wallNow();
    return;
  }
  if (faults.hit("agent_endless")) {
    session.activeTools = ["bash"];
    return session.later(random.between(3, 30) * HOUR, () => finishWork(session));
  }
  if (faults.hit("agent_escalates")) return session.think(duration, () => escalate(session));
  if (faults.hit("agent_silent_end")) {
    return session.think(duration, () => {
      if (random.chance(0.5)) commit(session);
      endSilently(session);
    });
  }
  if (faults.hit("agent_asks"))
    return session.think(duration / 2, () =>
      session.permissions.ask(() => session.think(duration / 2, () => finishWork(session))),
    );
  session.think(duration, () => finishWork(session));
}

function finishWork(session: AgentSession): void {
  const { faults } = session.runner.world;
  session.activeTools = [];
  session.paid();
  answerThreads(session);
  if (faults.hit("agent_no_change")) return callDone(session, true, 1);
  if (faults.hit("agent_lies")) return callDone(session, session.runner.random.chance(0.5), 1);
  commit(session);
  callDone(session, false, 1);
}

/** Who works on a pull request's branch answers what was asked there, and resolves it. */
function answerThreads({ plan, runner }: AgentSession): void {
  if (plan.rig === null || plan.branch === null) return;
  for (const pull of runner.world.forge.ofBranch(plan.rig.id, plan.branch))
    for (const thread of pull.threads) thread.resolved = true;
}

/** A turn that ends without an outcome: asked once, then its session is over. */
function endSilently(session: AgentSession): void {
  session.paid();
  session.turnOver();
  session.later(2 * MINUTE, () => session.end("completed", "no_outcome"));
}

function escalate(session: AgentSession): void {
  session.tool(
    "gt_escalate",
    (town, { live }) => (live ? town.escalate(session.id, { title: "Which way?", body: "" }) : null),
    () => endSilently(session),
  );
}

/** Commits to the worktree; where its branch and target would conflict, by merging the target. */
function commit(session: AgentSession): void {
  const { tree, plan, runner } = session;
  if (!tree) return;
  const remote = runner.world.remote(tree.rigId);
  const target = plan.target === null ? null : remote.branch(plan.target);
  const red = runner.world.faults.hit("agent_red");
  const by = plan.bead?.id ?? "agent";
  const resolves =
    plan.start_head !== null && target !== null && remote.history.conflicts(tree.head, target).length > 0;
  const parents = resolves ? [tree.head, target] : [tree.head];
  const files = resolves ? [] : [runner.random.between(0, FILES - 1)];
  made(session, remote.history.commit({ parents, files, red, trailer: null, by }));
}

function made({ id, tree, runner }: AgentSession, sha: string): void {
  if (!tree) return;
  runner.world.note(() => `${id} commits ${sha.slice(-4)}`);
  tree.head = sha;
  runner.disk.made.push({ sha, rigId: tree.rigId, branch: tree.branch });
}

function callDone(session: AgentSession, noChanges: boolean, calls: number): void {
  if (calls > MAX_CALLS) return endSilently(session);
  session.tool(
    "gt_done",
    (town) => town.requestDone(session.id, { summary: "did it", ...(noChanges ? { no_changes: true } : {}) }),
    (outcome) => {
      if (outcome.type === "error") return fenced(session);
      if (outcome.type !== "ok")
        return session.later(5 * SECOND, () => callDone(session, noChanges, calls + 1));
      if (outcome.value.type !== "settling") return session.turnOver();
      awaitSettle(session, outcome.value.settleId, noChanges, calls);
    },
  );
}

/** The call that waits; when it runs out, the agent calls again. */
function awaitSettle(session: AgentSession, settleId: string, noChanges: boolean, calls: number): void {
  const state = (town: Parameters<Parameters<typeof session.runner.host.wait>[0]>[0]) =>
    town.settleState(session.id, settleId);
  session.runner.host.wait(
    (town) => state(town).type !== "pending",
    MINUTE,
    () =>
      session.later(20, () => {
        const reply = session.runner.host.request(state);
        if (reply.type !== "ok" || reply.value.type === "pending")
          return session.later(5 * SECOND, () => callDone(session, noChanges, calls + 1));
        if (reply.value.type === "refused") return obey(session, reply.value.code, calls);
        afterDone(session);
      }),
  );
}

function obey(session: AgentSession, code: string, calls: number): void {
  const again = (noChanges: boolean, wait: number): void =>
    session.later(wait, () => callDone(session, noChanges, calls + 1));
  switch (code) {
    case "nothing_to_submit":
      if (session.runner.random.chance(0.3)) return again(true, SECOND);
      commit(session);
      return again(false, MINUTE);
    case "head_moved":
      mergeBranch(session);
      return again(false, MINUTE);
    case "changes_present":
      return again(false, SECOND);
    default:
      return again(false, MINUTE);
  }
}

/** Somebody else pushed to the branch: their commit is merged into the work. */
function mergeBranch(session: AgentSession): void {
  const { tree, plan, runner } = session;
  if (!tree || plan.branch === null) return;
  const there = runner.world.remote(tree.rigId).branch(plan.branch);
  if (there === null || runner.world.history.contains(tree.head, there)) return;
  const red = runner.world.history.get(tree.head).red;
  const by = plan.bead?.id ?? "agent";
  made(
    session,
    runner.world.history.commit({ parents: [tree.head, there], files: [], red, trailer: null, by }),
  );
}

/** Submitted: most stop; one that does not goes on committing and pushing to its own branch. */
function afterDone(session: AgentSession): void {
  const { tree, plan, runner } = session;
  session.turnOver();
  if (!runner.world.faults.hit("agent_lies") || !tree || plan.branch === null) return;
  const ref = `refs/heads/${plan.branch}`;
  const remote = runner.world.remote(tree.rigId);
  if (remote.read(ref) !== tree.head) return;
  const before = tree.head;
  commit(session);
  remote.swap(ref, before, tree.head);
  session.state = "busy";
  callDone(session, false, MAX_CALLS);
}

/** The town says that it is over. An honest agent stops. */
function fenced(session: AgentSession): void {
  if (session.runner.world.faults.hit("agent_lies")) return callDone(session, true, MAX_CALLS);
  session.turnOver();
}
