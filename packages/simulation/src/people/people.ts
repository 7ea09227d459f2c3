/** People: what they ask for at the start, what they change their minds about later, what they push. */
import type { SecretChange } from "@gastown/protocol";
import type { Actor, Town } from "@gastown/town";
import { SECRET_MARK } from "../checks/secrets.ts";
import type { Fleet } from "../host/fleet.ts";
import type { Host } from "../host/host.ts";
import type { FaultKind } from "../kernel/faults.ts";
import type { Random } from "../kernel/random.ts";
import { MINUTE } from "../kernel/timeline.ts";
import { lookAtPulls } from "./forge-people.ts";
import { rigConfigOf, type Scenario } from "../scenario.ts";
import type { World } from "../world/world.ts";

const PERSON: Actor = { kind: "person", id: "user_local", name: "you" };

const secretOf = (key: SecretChange["key"]): SecretChange => ({ key, sealed: SECRET_MARK, masked: "…x" });

export interface PeopleOptions {
  world: World;
  host: Host;
  fleet: Fleet;
  scenario: Scenario;
}

export class People {
  readonly #options: PeopleOptions;
  readonly #random: Random;
  readonly #titles = { next: 0 };

  constructor(options: PeopleOptions) {
    this.#options = options;
    this.#random = options.world.random.fork("people");
  }

  /** Repositories, settings, work: before anything goes wrong. */
  begin(town: Town): void {
    const { scenario } = this.#options;
    town.setConfig(scenario.town, PERSON, [secretOf("github_token")]);
    for (let i = 0; i < scenario.rigs; i++) {
      const rig = town.addRig({ name: `rig-${i}`, gitUrl: `https://github.com/acme/rig-${i}.git` }, PERSON);
      town.setRigConfig(rig.id, scenario.rig, PERSON);
    }
    for (let i = 0; i < scenario.beads; i++) this.#sling(town);
    for (let i = 0; i < scenario.convoys; i++) this.#slingConvoy(town);
  }

  /** From now on somebody looks in now and then. */
  start(): void {
    const { world } = this.#options;
    world.time.after(this.#random.between(1, 45) * MINUTE, () => {
      if (world.faults.stopped) return;
      this.#look();
      this.start();
    });
  }

  #look(): void {
    const acts: [FaultKind, (town: Town) => unknown][] = [
      ["person_config", (town) => this.#configure(town)],
      [
        "person_pause",
        (town) => (this.#random.chance(0.5) ? town.pause("later", PERSON) : town.resume(PERSON)),
      ],
      ["person_cancel", (town) => this.#close(town)],
      ["person_fail", (town) => this.#withIssue(town, (id) => town.failBead(id, "no", PERSON))],
      ["person_retry", (town) => this.#withIssue(town, (id) => this.#retry(town, id))],
      ["person_hold", (town) => this.#hold(town)],
      ["person_stop", (town) => this.#stop(town)],
      ["person_convoy", (town) => this.#convoy(town)],
      ["person_answer", (town) => this.#answer(town)],
    ];
    const { world, host } = this.#options;
    for (const [kind, act] of acts) {
      if (!world.faults.hit(kind)) continue;
      const reply = host.request(act);
      world.note(() => `person: ${kind} → ${reply.type === "error" ? reply.code : reply.type}`);
    }
    if (world.faults.hit("person_drain")) this.#options.fleet.current?.drain(() => undefined);
    if (this.#random.chance(0.2)) host.request((town) => this.#sling(town));
    if (this.#random.chance(0.05)) host.request((town) => this.#slingConvoy(town));
    if (this.#random.chance(0.15))
      host.request((town) => town.messageMayor({ message: "How is it going?" }, PERSON));
    this.#push();
    lookAtPulls(world, this.#random);
  }

  /** People push as well: to targets, and to branches that the town works on. */
  #push(): void {
    const { world, host } = this.#options;
    const files = [this.#random.between(0, 23)];
    const merge = this.#random.pickFrom(host.read((town) => town.merges({})) ?? []);
    if (merge && world.faults.hit("branch_touched"))
      world.remote(merge.rigId).touch(merge.branch, files, false);
    const remote = this.#random.pickFrom(world.remotes());
    if (!remote) return;
    if (world.faults.hit("target_touched")) remote.touch("main", files, false);
    if (world.faults.hit("target_red")) {
      remote.touch("main", files, true);
      world.time.after(this.#random.between(5, 120) * MINUTE, () => remote.touch("main", files, false));
    }
  }

  #title(): string {
    return `task ${++this.#titles.next}`;
  }

  #rig(town: Town): string | undefined {
    return this.#random.pickFrom(town.rigs())?.id;
  }

  #sling(town: Town): unknown {
    const rig = this.#rig(town);
    if (rig === undefined) return undefined;
    const on = this.#random.chance(0.3) ? this.#issue(town) : undefined;
    const body = {
      title: this.#title(),
      priority: this.#random.pick(["low", "medium", "high"]),
      ...(on === undefined ? {} : { dependsOn: [on] }),
    } as const;
    return town.sling(rig, body, { held: this.#random.chance(0.1) }, PERSON);
  }

  #slingConvoy(town: Town): unknown {
    const rigId = this.#rig(town);
    if (rigId === undefined) return undefined;
    const count = this.#random.between(1, 5);
    const tasks = Array.from({ length: count }, (_, i) => {
      const dependsOn = Array.from({ length: i }, (_none, j) => j).filter(() => this.#random.chance(0.5));
      const other = this.#random.chance(0.2) ? this.#rig(town) : undefined;
      return { title: this.#title(), dependsOn, ...(other === undefined ? {} : { rigId: other }) };
    });
    const mode = this.#random.pick(["review-then-land", "review-and-merge"] as const);
    const staged = this.#random.chance(0.2);
    return town.slingConvoy({ title: this.#title(), rigId, tasks, mode, staged, parallel: true }, PERSON);
  }

  #issue(town: Town): string | undefined {
    const ended = this.#random.chance(0.2) ? { status: ["closed" as const] } : {};
    return this.#random.pickFrom(town.beads({ type: ["issue"], ...ended }, { limit: 100 }).items)?.id;
  }

  #withIssue(town: Town, act: (id: string) => unknown): unknown {
    const id = this.#issue(town);
    return id === undefined ? undefined : act(id);
  }

  #retry(town: Town, id: string): unknown {
    return town.retryBead(id, { fresh: this.#random.chance(0.3), note: "" }, PERSON);
  }

  #close(town: Town): unknown {
    const reason = this.#random.pick(["cancelled", "done_elsewhere", "waived"] as const);
    return this.#withIssue(town, (id) => town.closeBead(id, reason, "", PERSON));
  }

  #hold(town: Town): unknown {
    return this.#withIssue(town, (id) =>
      this.#random.chance(0.4) ? town.holdBead(id, PERSON) : town.startBead(id, PERSON),
    );
  }

  #stop(town: Town): unknown {
    const session = this.#random.pickFrom(town.sessions({ live: true }));
    if (!session) return undefined;
    return town.stopSession(session.id, this.#random.pick(["graceful", "now"]), "", PERSON);
  }

  #convoy(town: Town): unknown {
    const convoy = this.#random.pickFrom(town.convoys({}));
    if (!convoy) return undefined;
    if (convoy.state === "staged") return town.startConvoy(convoy.id, PERSON);
    return this.#random.chance(0.2)
      ? town.closeConvoy(convoy.id, "", PERSON)
      : town.retryConvoy(convoy.id, PERSON);
  }

  #answer(town: Town): unknown {
    const escalation = this.#random.pickFrom(town.escalations({ open: true }));
    if (!escalation) return undefined;
    if (this.#random.chance(0.2)) return town.acknowledgeEscalation(escalation.id, PERSON);
    const choice = this.#random.pickFrom(escalation.choices)?.id;
    if (choice === "approve") this.#approve(town, escalation.source.beadId ?? escalation.source.convoyId);
    return town.resolveEscalation(
      escalation.id,
      choice === undefined ? { answer: "yes" } : { choice },
      PERSON,
    );
  }

  /** A person's word counts like a reviewer's, for the head that is there now. */
  #approve(town: Town, sourceId: string | undefined): void {
    const merge =
      town.merges({}).find((one) => (one.sourceBeadId ?? one.convoyId) === sourceId) ??
      this.#failed(town, sourceId);
    if (merge) this.#options.world.approvals.add(`${merge.id} ${merge.headSha}`);
  }

  #failed(town: Town, sourceId: string | undefined): { id: string; headSha: string } | undefined {
    return town.merges({ state: "failed" }).find((one) => (one.sourceBeadId ?? one.convoyId) === sourceId);
  }

  #configure(town: Town): unknown {
    const rig = this.#rig(town);
    return rig === undefined ? undefined : town.setRigConfig(rig, rigConfigOf(this.#random), PERSON);
  }

  /**
   * When the faults are over: nothing is paused, and nothing waits for money. Where nobody answers just
   * then, it is asked again.
   */
  settle(): void {
    const { host, world, scenario } = this.#options;
    const lifted = { bead: null, convoy: null, rig: null };
    const reply = host.request((town) => {
      town.resume(PERSON);
      town.setConfig({ ...scenario.town, budgets: { ...lifted, town_day: null } }, PERSON);
      for (const rig of town.rigs())
        town.setRigConfig(rig.id, { ...town.rigConfig(rig.id).config, budgets: lifted }, PERSON);
    });
    if (reply.type === "ok") return;
    world.time.after(MINUTE, () => this.settle());
  }
}
