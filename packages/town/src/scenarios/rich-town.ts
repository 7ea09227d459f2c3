/**
 * A town in the middle of everything: rows in every table, and of every kind of thing one that is over, one
 * that waits and one that is on its way. Exports, migrations and copies are tried on it.
 */
import type { Sql } from "../kernel/sql.ts";
import { checksOf, check, forgeHarness, type ForgeHarness } from "./memory-forge.ts";
import { outcome, PERSON } from "./harness.ts";

const MINUTE = 60_000;
const ACCEPTED = { type: "accepted" } as const;

/** Also the rig on which a town works without pull requests. */
export type RichTown = ForgeHarness & { plain: string };

/** `pullRequests: false`: as it was before towns had them. */
export function richTown(sql: Sql, options: { pullRequests: boolean } = { pullRequests: true }): RichTown {
  const h = Object.assign(forgeHarness(sql), { plain: "" });
  h.plain = plainRig(h);
  settingsAndPeople(h);
  finished(h);
  if (options.pullRequests) pullRequests(h);
  mayor(h);
  redTarget(h);
  silentAgents(h);
  if (options.pullRequests) pullRequestInFlight(h);
  inFlight(h);
  atWork(h);
  return h;
}

function plainRig(h: ForgeHarness): string {
  h.on.setup_rig = () =>
    outcome({
      outcome: "rig_ready",
      default_branch: "main",
      head_sha: h.sha(),
      formulas: [
        { name: "release", description: "", vars: {}, steps: [{ title: "tag", instructions: "it" }] },
      ],
      formula_problems: [{ file: "broken.toml", message: "It is not TOML" }],
    });
  const rig = h.town.addRig({ name: "plain", gitUrl: "/repo/plain.git" }, PERSON).id;
  h.settle();
  delete h.on.setup_rig;
  return rig;
}

function settingsAndPeople(h: ForgeHarness): void {
  h.town.setConfig(
    {
      limits: { max_polecats_per_rig: 4 },
      budgets: { town_day: { tokens: 1_000_000 }, bead: { tokens: 1_000 } },
      instructions: { polecat: "Be kind." },
    },
    PERSON,
    [{ key: "github_token", sealed: "sealed:the-town-secret", masked: "…1234" }],
  );
  h.town.idempotent({ principal: "user_local", key: "k1", fingerprint: "f" }, () => ({
    status: 201,
    body: "{}",
  }));
}

/** Landed, with steps and money, alone and as a convoy; given up; cancelled. */
function finished(h: RichTown): void {
  h.auto.done = false;
  const steps = [{ title: "look", instructions: "read it" }, { title: "change" }];
  const stepped = h.town.sling(
    h.plain,
    { title: "stepped", steps, labels: ["a"] },
    { held: false },
    PERSON,
  ).id;
  h.settle();
  const session = h.session(stepped);
  h.town.nudgeAgent(h.town.session(session).agentName, { message: "hurry", mode: "now" }, PERSON);
  h.town.appendTranscript(h.town.runnerEpoch(), {
    batches: [
      {
        session_id: session,
        epoch: h.town.session(session).epoch,
        items: [{ seq: 1, at: h.now(), type: "update", data: { text: 'ü \u2028 "quoted"\n' } }],
      },
    ],
  });
  h.town.advanceStep(session, "I looked", PERSON);
  h.town.checkpoint(session, { done: 1 });
  h.town.advanceStep(session, "I changed", PERSON);
  h.cost(session, 850, 0.25);
  h.auto.done = true;
  h.settle();
  h.advance(MINUTE);
  const tasks = [{ title: "one" }, { title: "two", dependsOn: [0] }];
  h.town.slingConvoy({ title: "Whole", rigId: h.plain, tasks, staged: false }, PERSON);
  h.settle();
  h.town.slingConvoy({ title: "Staged", rigId: h.plain, tasks, staged: true }, PERSON);
  const cancelled = h.town.sling(h.plain, { title: "cancelled" }, { held: true }, PERSON).id;
  h.town.closeBead(cancelled, "cancelled", "not needed", PERSON);
  const failed = h.town.sling(h.plain, { title: "failed" }, { held: true }, PERSON).id;
  h.town.failBead(failed, "cannot be done", PERSON);
  h.town.sling(h.plain, { title: "blocked by it", dependsOn: [failed] }, { held: false }, PERSON);
  h.settle();
}

/** One merged, one that waits for its checks. */
function pullRequests(h: RichTown): void {
  h.town.sling(h.rig, { title: "merged pull request" }, { held: false }, PERSON);
  h.settle();
  h.advance(2 * MINUTE);
  h.forge.none = true;
  h.town.sling(h.rig, { title: "waiting pull request" }, { held: false }, PERSON);
  h.settle();
  checksOf(h.forge.pull("waiting pull request"), [check("ci", "pending")]);
  h.advance(MINUTE);
}

function mayor(h: RichTown): void {
  h.town.setUiContext("looks at the beads", PERSON);
  const { messageId } = h.town.messageMayor({ message: "Plan it" }, PERSON);
  h.settle();
  const { id, epoch } = h.town.session(h.town.mayor().sessionId ?? "");
  h.town.post({
    type: "turn_ended",
    sessionId: id,
    turn: { epoch, ended_at: h.now(), stop_reason: "end_turn", message_id: messageId },
  });
  h.settle();
  h.town.messageMayor({ message: "And then?" }, PERSON);
  h.town.messageMayor({ message: "Later" }, PERSON);
  h.settle();
}

/** Nothing lands on `main` of the plain rig for a while. */
function redTarget(h: RichTown): void {
  const red = { name: "test", exit_code: 1, duration_ms: 1, required: true, log_tail: "no" };
  h.on.merge = () => outcome({ outcome: "gates_failed", gates: [red], target_red: true });
  h.town.sling(h.plain, { title: "waits for a red target" }, { held: false }, PERSON);
  h.settle();
  delete h.on.merge;
}

function silentAgents(h: RichTown): void {
  h.auto.done = false;
  const silent = h.town.sling(h.plain, { title: "silent" }, { held: false }, PERSON).id;
  h.settle();
  const session = h.session(silent);
  h.agents.silent = true;
  h.advance(61 * MINUTE);
  h.agents.silent = false;
  h.town.escalate(session, { title: "Which?", body: "a or b", severity: "medium" });
}

function pullRequestInFlight(h: RichTown): void {
  h.forge.none = false;
  h.auto.done = true;
  h.on.merge_pull_request = () => "lost";
  h.town.sling(h.rig, { title: "landing pull request" }, { held: false }, PERSON);
  h.settle();
}

/** A start, a settle, gates, a landing, a branch and a set-up of which nobody knows how they ended. */
function inFlight(h: RichTown): void {
  h.auto.done = true;
  const third = h.town.addRig({ name: "third", gitUrl: "/repo/third.git" }, PERSON).id;
  h.settle();
  h.on.merge = () => ACCEPTED;
  h.town.sling(third, { title: "landing" }, { held: false }, PERSON);
  h.settle();
  h.on.settle_session = () => ACCEPTED;
  h.town.sling(third, { title: "settling" }, { held: false }, PERSON);
  h.settle();
  delete h.on.settle_session;
  h.on.run_gates = () => ACCEPTED;
  h.town.setRigConfig(third, { review: { gates: ["make test"] } }, PERSON);
  h.town.sling(third, { title: "gates run" }, { held: false }, PERSON);
  h.settle();
  h.on.start_session = () => "lost";
  h.town.sling(third, { title: "starting" }, { held: false }, PERSON);
  h.settle();
  h.on.branch = () => ACCEPTED;
  h.town.slingConvoy({ title: "Begun", rigId: third, tasks: [{ title: "first" }], staged: false }, PERSON);
  h.settle();
  h.on.setup_rig = () => "lost";
  h.town.addRig({ name: "new", gitUrl: "/repo/new.git" }, PERSON);
  h.settle();
  delete h.on.start_session;
}

/** An agent that works, with mail that it has read and mail and nudges that it has not, and a fact that waits. */
function atWork(h: RichTown): void {
  h.auto.done = false;
  const { id } = h.town.sling(h.plain, { title: "at work", priority: "high" }, { held: false }, PERSON);
  h.settle();
  const session = h.session(id);
  const name = h.town.session(session).agentName;
  h.town.sendMail({ to: name, subject: "Tabs", body: "Please." }, PERSON);
  h.town.checkMail(session);
  h.town.sendMail({ to: name, subject: "Spaces", body: "Sorry." }, PERSON);
  h.town.nudgeAgent(name, { message: "later", mode: "queue" }, PERSON);
  const { epoch } = h.town.session(session);
  const asked = { epoch, request_id: "one", tool: "execute", title: "npm publish", detail: "{}" };
  h.town.askPermission(session, asked);
  h.town.setUiContext("looks at the map", PERSON);
  h.town.snooze(
    {
      keys: h.town
        .needsYou({})
        .items.slice(0, 1)
        .map(({ key }) => key),
      until: "changed",
    },
    PERSON,
  );
  h.town.post({ type: "runner_room" });
}
