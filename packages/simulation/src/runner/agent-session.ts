/** One session in one runner: its worktree, its agent, its settles, its end (spec/runner.md §4, §5). */
import type { ClaimedNudge, HeartbeatSession, SessionEnded, SettleRequest, Usage } from "@gastown/protocol";
import type { LaunchPlan, SessionContext, Town } from "@gastown/town";
import { workAsMayor } from "../agents/mayor.ts";
import { workAsPolecat } from "../agents/polecat.ts";
import { workAsRefinery } from "../agents/refinery.ts";
import { workAsTriage } from "../agents/triage.ts";
import type { Outcome } from "../kernel/network.ts";
import { SECOND } from "../kernel/timeline.ts";
import type { Worktree } from "./disk.ts";
import type { Runner } from "./runner.ts";
import { ModelWait } from "./model-wait.ts";
import { Permissions } from "./permissions.ts";
import { LEFT_OVER, NO_USAGE, reportEnd, saveWork, wipRef } from "./save-work.ts";
import { Settles } from "./settles.ts";

const REFUSALS = [
  "tools_missing",
  "runtime_missing",
  "model_unavailable",
  "at_capacity",
  "agent_exited",
] as const;

export class AgentSession {
  readonly runner: Runner;
  readonly plan: LaunchPlan;
  readonly id: string;
  /** The epoch that its token carries. */
  readonly epoch: number;
  state: HeartbeatSession["state"] = "queued";
  tree: Worktree | null = null;
  /** Set while the agent does nothing any more: when it was last heard of. */
  frozenAt: number | null = null;
  activeTools: string[] = [];
  readonly #settles: Settles;
  readonly #model: ModelWait;
  readonly permissions: Permissions;
  #prompted = false;
  /** What it has used since this runner took it up. */
  #used: Usage = NO_USAGE;
  #over = false;
  #waiting: (() => void)[] = [];
  readonly #messages = new Set<string>();

  constructor(runner: Runner, plan: LaunchPlan) {
    this.runner = runner;
    this.plan = plan;
    this.id = plan.session_id;
    this.epoch = plan.epoch;
    this.#settles = new Settles(this);
    this.#model = new ModelWait(this);
    this.permissions = new Permissions(this);
  }

  /** Runs `run` later while the agent lives. */
  later(delay: number, run: () => void): void {
    this.runner.later(delay, () => {
      if (this.state !== "gone") run();
    });
  }

  /** A turn of the model that takes so long; `run` is what comes of it. */
  think(duration: number, run: () => void): void {
    this.later(duration, () => this.#model.turn(run));
  }

  begin(): void {
    if (this.state === "gone") return;
    this.state = "provisioning";
    this.later(this.runner.random.skewed(SECOND, 40 * SECOND), () => this.#provision());
  }

  #provision(): void {
    const { plan, runner } = this;
    const until = runner.modelDownUntil;
    if (until !== null) return this.#refuse("model_unavailable", until);
    if (runner.world.faults.hit("start_refused")) return this.#refuse(runner.random.pick(REFUSALS));
    if (plan.rig && plan.start_point !== null && !this.#checkOut(plan.rig.id, plan.start_point))
      return this.#refuse("missing_ref");
    this.state = "opening";
    this.#listTools(1);
  }

  /** The slot's worktree: what this session left there, or a new one at its start point. */
  #checkOut(rigId: string, startPoint: string): boolean {
    const { disk, world } = this.runner;
    const found = disk.worktrees.get(this.plan.agent.id);
    if (found?.sessionId === this.id) {
      found.epoch = this.epoch;
      this.tree = found;
      return true;
    }
    if (found) saveWork(this.runner, found, LEFT_OVER);
    // A later save of a session must not take the place of an earlier one.
    const remote = world.remote(rigId);
    const base = remote.read(wipRef(this.id)) ?? remote.resolve(startPoint);
    if (base === null) return false;
    const { agent } = this.plan;
    const { branch } = this.plan;
    this.tree = { agentId: agent.id, sessionId: this.id, epoch: this.epoch, rigId, branch, base, head: base };
    disk.worktrees.set(agent.id, this.tree);
    return true;
  }

  #listTools(attempt: number): void {
    this.tool(
      "tools/list",
      (town) => town.toolsListed(this.id),
      (outcome) => {
        if (outcome.type === "ok") return this.#open();
        if (outcome.type === "error" || attempt >= 4) return this.#refuse("tools_missing");
        this.later(3 * SECOND, () => this.#listTools(attempt + 1));
      },
    );
  }

  #open(): void {
    this.#prompted = this.plan.role !== "mayor";
    this.state = this.plan.role === "mayor" ? "idle" : "busy";
    this.runner.callbacks.add({
      lane: this.id,
      name: `first turn of ${this.id}`,
      tell: (town) =>
        town.post({ type: "session_status", sessionId: this.id, epoch: this.epoch, phase: "first_turn" }),
    });
    if (this.plan.role === "polecat") workAsPolecat(this);
    else if (this.plan.role === "refinery") workAsRefinery(this);
    else if (this.plan.role === "triage") workAsTriage(this);
  }

  #refuse(code: string, until?: number): void {
    this.state = "gone";
    this.#leave("refused", code, until);
  }

  /** Runs `run` once its directory is free. */
  whenOver(run: () => void): void {
    if (this.#over) run();
    else this.#waiting.push(run);
  }

  #isOver(): void {
    this.#over = true;
    for (const run of this.#waiting.splice(0)) run();
  }

  /** Its work is saved, its directory free, the town told. */
  #leave(outcome: SessionEnded["outcome"], code: string, until?: number): void {
    // Another runner may have taken the worktree over, and with it the newer epoch.
    const end = { outcome, code, epoch: this.epoch, until, usage: this.#used };
    if (this.tree) saveWork(this.runner, this.tree, end);
    else reportEnd(this.runner, { sessionId: this.id, epoch: this.epoch }, end, null);
    this.#isOver();
  }

  /** A turn ends, and the agent says what it has cost. */
  paid(): void {
    const { random, world } = this.runner;
    const tokens = random.skewed(1_000, 100_000);
    world.use(this.id, tokens);
    const usd = Math.round((this.#used.usd + tokens / 100_000) * 1e6) / 1e6;
    this.#used = { tokens_in: this.#used.tokens_in + tokens, tokens_out: 0, usd, usd_known: true };
  }

  /** A call of one of the town's tools with this session's token. */
  tool<T>(
    name: string,
    call: (town: Town, session: SessionContext) => T,
    done: (outcome: Outcome<T>) => void,
    epoch: number = this.epoch,
  ): void {
    const claims = { sessionId: this.id, epoch, agentId: this.plan.agent.id };
    this.runner.network.call<T>({
      name: `${this.id} → town: ${name}`,
      timeoutMs: 20 * SECOND,
      deliver: () =>
        this.runner.host.request((town) => {
          const session = town.authorizeSession(claims, { allowEnded: true });
          const before = town.newestSeq();
          const value = call(town, session);
          const changed = town.newestSeq() > before;
          this.runner.world.letThrough(claims, { live: session.live, changed });
          return value;
        }),
      done: (outcome) => {
        if (this.state !== "gone" && this.runner.alive) done(outcome);
      },
    });
  }

  /** Nudges wait in the town: they are claimed, and acknowledged when their turn begins. */
  poke(): void {
    this.runner.network.call<ClaimedNudge[]>({
      name: `${this.id} → town: nudges/claim`,
      timeoutMs: 20 * SECOND,
      deliver: () => this.runner.host.request((town) => town.claimNudges(this.id, this.epoch, "busy")),
      done: (outcome) => {
        if (outcome.type !== "ok" || this.state === "gone" || !this.runner.alive) return;
        for (const { nudge_id } of outcome.value)
          this.runner.callbacks.add({
            lane: this.id,
            name: `nudge ${nudge_id} of ${this.id}`,
            tell: (town) => town.acknowledgeNudge(this.id, this.epoch, nudge_id, true),
          });
      },
    });
  }

  settle(request: SettleRequest): void {
    this.#settles.begin(request);
  }

  /** The turn is over; a graceful stop waits for nothing more. */
  turnOver(): void {
    if (this.state !== "gone") this.state = "idle";
  }

  mayorTurn(messageId: string): void {
    if (this.#messages.has(messageId)) return;
    this.#messages.add(messageId);
    workAsMayor(this, messageId);
  }

  stop(mode: "graceful" | "now"): void {
    if (this.state === "gone") return;
    const wait =
      mode === "graceful" && this.state === "busy" ? this.runner.random.between(1, 60) * SECOND : 0;
    if (wait === 0) this.end("stopped", "stopped");
    else this.later(wait, () => this.end("stopped", "stopped"));
  }

  /** The agent is ended, its work saved, the town told. */
  end(outcome: SessionEnded["outcome"], code: string): void {
    if (this.state === "gone") return;
    this.state = "gone";
    this.runner.later(this.runner.random.between(200, 5_000), () => this.#leave(outcome, code));
  }

  /** It is not there any more, and nothing of it goes on. */
  vanish(): void {
    this.state = "gone";
    this.#isOver();
  }

  /** Its runner died: nothing is saved and nobody is told. An agent that was left over may go on for a while. */
  processGone(): void {
    if (this.state === "gone") return;
    const { faults, time } = this.runner.world;
    this.state = "gone";
    if (this.plan.role !== "polecat" || !faults.hit("agent_lies")) return;
    const { host, random } = this.runner;
    const claims = { sessionId: this.id, epoch: this.epoch, agentId: this.plan.agent.id };
    time.after(random.skewed(SECOND, 900 * SECOND), () => {
      host.request((town) => {
        const { live } = town.authorizeSession(claims, { allowEnded: true });
        const before = town.newestSeq();
        town.requestDone(this.id, { summary: "left over" });
        this.runner.world.letThrough(claims, { live, changed: town.newestSeq() > before });
      });
    });
  }

  beat(): HeartbeatSession {
    return {
      session_id: this.id,
      epoch: this.epoch,
      state: this.state,
      last_event_at: this.frozenAt ?? this.runner.wallNow(),
      active_tools: this.activeTools,
      prompted: this.#prompted,
      usage: this.#used,
      ...this.#model.told,
      ...this.permissions.told,
    };
  }
}
