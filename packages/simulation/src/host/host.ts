/**
 * The process that holds a town: commands one after the other, a tick after each, effects out, the next
 * wake set. It may die between any two transactions; what it had in memory is gone then, the database
 * is not.
 */
import { GastownError } from "@gastown/protocol";
import { openTown, type ClaimedEffect, type EffectAnswer, type Sql, type Town } from "@gastown/town";
import { SECOND, type Timer } from "../kernel/timeline.ts";
import type { Reply } from "../kernel/network.ts";
import { Power } from "./power.ts";
import type { TownLine } from "./town-line.ts";
import type { World } from "../world/world.ts";
import type { Random } from "../kernel/random.ts";

/** What is due and cannot move is not asked again at once (as `openTownActor` does). */
const STUCK_PAUSE = SECOND;
const EPOCH = 1_790_000_000_000;

export interface HostOptions {
  sql: Sql;
  /** Carries one effect out and says how it went; not at all when the host died meanwhile. */
  perform: (effect: ClaimedEffect, answer: (answer: EffectAnswer) => void) => void;
  /** Puts something else in the engine's place (tests). `now`: epoch ms. */
  wrap?: (town: Town, now: () => number) => Town;
  /** After every transaction. */
  onStep: (town: Town) => void;
  /** The host process is gone, with `power` everything else that ran as well; it comes back by itself. */
  onCrash: (power: boolean) => void;
}

interface Waiter {
  look: (town: Town) => boolean;
  over: (found: boolean) => void;
}

export class Host implements TownLine {
  /** Milliseconds by which the wall clock is ahead of the beginning of the simulation. */
  skew = 0;
  ticks = 0;
  /** Wakes by its own timer at which nothing moved. */
  emptyWakes = 0;
  readonly power = new Power();
  readonly #world: World;
  readonly #options: HostOptions;
  readonly #ids: Random;
  #town: Town | null = null;
  #life = 0;
  #turnScheduled = false;
  #wake: Timer | undefined;
  #stalledUntil = 0;
  #waiters: Waiter[] = [];

  constructor(world: World, options: HostOptions) {
    this.#world = world;
    this.#options = options;
    this.#ids = world.random.fork("ids");
  }

  wall(): number {
    return EPOCH + this.#world.time.now + this.skew;
  }

  /** The process begins, on an empty database with `create`. */
  boot(create: boolean): void {
    const ports = {
      sql: this.#options.sql,
      now: () => this.wall(),
      random: () => this.#ids.bytes(16),
      fallbackRuntime: "scripted",
    };
    this.#life++;
    const town = create
      ? openTown(ports, { id: "town_00000000000000000000000001", name: "sim" })
      : openTown(ports);
    this.#town = this.#options.wrap ? this.#options.wrap(town, () => this.wall()) : town;
    this.#town.hostStarted();
    if (this.#afterTransaction()) this.#scheduleTurn(0);
  }

  get up(): boolean {
    return this.#town !== null;
  }

  /** A command of somebody outside: one transaction, a tick follows at once. */
  request<T>(fn: (town: Town) => T): Reply<T> {
    const town = this.#town;
    if (!town || this.#world.time.now < this.#stalledUntil) return { type: "down" };
    try {
      const value = fn(town);
      this.#scheduleTurn(0);
      return this.#afterTransaction() ? { type: "ok", value } : { type: "down" };
    } catch (error) {
      if (!(error instanceof GastownError)) throw error;
      this.#scheduleTurn(0);
      return { type: "error", code: error.code };
    }
  }

  /** Reads without a transaction; undefined while nobody is there. */
  read<T>(fn: (town: Town) => T): T | undefined {
    return this.#town ? fn(this.#town) : undefined;
  }

  /** `over(true)` as soon as `look` says so; `over(false)` after `timeoutMs` or with the host's death. */
  wait(look: (town: Town) => boolean, timeoutMs: number, over: (found: boolean) => void): void {
    if (!this.#town) return over(false);
    if (look(this.#town)) return over(true);
    const waiter: Waiter = {
      look,
      over: (found) => {
        timer.cancel();
        over(found);
      },
    };
    const timer = this.#world.time.after(timeoutMs, () => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      over(false);
    });
    this.#waiters.push(waiter);
  }

  crash(power = false): void {
    if (!this.#town) return;
    this.#town = null;
    this.#life++;
    this.#turnScheduled = false;
    this.#wake?.cancel();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.over(false);
    this.power.lost ||= power;
    this.#options.onCrash(power);
  }

  /** The process hangs (a stalled disk, a stopped process): nothing is answered until then. */
  stall(ms: number): void {
    this.#stalledUntil = this.#world.time.now + ms;
  }

  /** The wall clock is set. Timers do not follow it. */
  jump(ms: number): void {
    this.skew += ms;
  }

  /** False when it died after this transaction. */
  #afterTransaction(): boolean {
    const town = this.#town;
    if (!town) return false;
    this.#options.onStep(town);
    const { faults } = this.#world;
    const power = faults.hit("power_loss");
    if (!power && !faults.hit("host_crash")) return true;
    this.crash(power);
    return false;
  }

  #scheduleTurn(delay: number): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    const life = this.#life;
    this.#world.time.after(delay, () => {
      if (life !== this.#life) return;
      this.#turnScheduled = false;
      this.#turn(false);
    });
  }

  #turn(byTimer: boolean): void {
    const { time } = this.#world;
    if (time.now < this.#stalledUntil) return this.#scheduleTurn(this.#stalledUntil - time.now);
    const town = this.#town;
    if (!town) return;
    const { applied, ran, effectsDue, nextWakeAt } = town.tick();
    this.ticks++;
    this.#world.note(() => `tick: ${applied} applied, ${ran} ran, ${effectsDue} effects due`);
    if (!this.#afterTransaction()) return;
    const claimed = effectsDue > 0 ? town.claimEffects() : [];
    if (claimed.length > 0) this.power.flushed = true;
    if (effectsDue > 0 && !this.#afterTransaction()) return;
    for (const effect of claimed) this.#begin(effect);
    this.#tellWaiters(town);
    const moved = applied + ran + claimed.length > 0;
    if (byTimer && !moved) this.emptyWakes++;
    this.#armWake(claimed.length > 0 ? town.nextWakeAt() : nextWakeAt, moved);
  }

  #tellWaiters(town: Town): void {
    const over = this.#waiters.filter((waiter) => waiter.look(town));
    if (over.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !over.includes(waiter));
    for (const waiter of over) waiter.over(true);
  }

  #armWake(next: number | null, moved: boolean): void {
    this.#wake?.cancel();
    if (next === null) return;
    const at = moved ? next : Math.max(next, this.wall() + STUCK_PAUSE);
    const life = this.#life;
    this.#wake = this.#world.time.after(Math.max(at - this.wall(), 0), () => {
      if (life === this.#life) this.#turn(true);
    });
  }

  #begin(effect: ClaimedEffect): void {
    const life = this.#life;
    let answered = false;
    this.#world.note(() => `effect ${effect.request.kind} ${effect.id} try ${effect.attempt}`);
    const answer = (result: EffectAnswer): void => {
      if (answered || life !== this.#life || !this.#town) return;
      answered = true;
      deadline.cancel();
      this.request((town) =>
        town.post({ type: "effect_answered", effectId: effect.id, attempt: effect.attempt, answer: result }),
      );
    };
    const deadline = this.#world.time.after(Math.max(effect.deadline - this.wall(), 0), () =>
      answer({ type: "retry", message: "no answer in time", counted: true }),
    );
    this.#options.perform(effect, answer);
  }
}
