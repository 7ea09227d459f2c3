/**
 * The runners of a host: one that it knows, perhaps others that it believes dead. It survives the host,
 * which finds it again by its file.
 */
import type { Network } from "../kernel/network.ts";
import { SECOND } from "../kernel/timeline.ts";
import { Disk } from "../runner/disk.ts";
import { Runner } from "../runner/runner.ts";
import type { World } from "../world/world.ts";
import type { Host } from "./host.ts";

const START_TIMEOUT = 60 * SECOND;
/** A runner that drains is ended when it takes longer. */
const DRAIN_LIMIT = 120 * SECOND;

export class Fleet {
  current: Runner | null = null;
  /** Every instance that ever ran. */
  readonly all: Runner[] = [];
  readonly #world: World;
  readonly #network: Network;
  readonly #host: () => Host;
  #starting: Runner | null = null;
  /** It leaves, and somebody waits for the next one. */
  #awaited: Runner | null = null;
  #waiting: { ready: () => void; failed: () => void }[] = [];
  #disk = new Disk();
  readonly disks = [this.#disk];

  constructor(world: World, network: Network, host: () => Host) {
    this.#world = world;
    this.#network = network;
    this.#host = host;
  }

  /** The instances that still run. */
  alive(): Runner[] {
    return this.all.filter((runner) => runner.alive);
  }

  ensure(ready: () => void, failed: () => void): void {
    if (this.#starting?.alive) {
      this.#waiting.push({ ready, failed });
      return;
    }
    const { faults } = this.#world;
    if (this.current?.alive && !this.current.leaving) {
      // Unreachable for a while is enough to be believed dead; the old one goes on elsewhere.
      if (!faults.hit("two_runners")) return ready();
      this.#newDisk();
    } else if (this.current?.alive) {
      // One that drains keeps the lock of its work directory: the next one begins when it has gone.
      this.#waiting.push({ ready, failed });
      this.#awaitEnd(this.current);
      return;
    } else if (this.current && !this.current.alive && faults.hit("disk_lost")) this.#newDisk();
    this.#waiting.push({ ready, failed });
    this.#start();
  }

  #awaitEnd(leaving: Runner): void {
    if (this.#awaited === leaving) return;
    this.#awaited = leaving;
    this.#world.time.after(DRAIN_LIMIT, () => leaving.kill());
  }

  #newDisk(): void {
    this.#disk.lost = true;
    this.#disk = new Disk();
    this.disks.push(this.#disk);
  }

  /** Drained and gone; there may be none. */
  stop(done: () => void): void {
    const runner = this.current;
    this.current = null;
    if (!runner?.alive) return done();
    runner.drain(done);
  }

  /** The host begins anew: who waited in its memory is gone. */
  hostCrashed(): void {
    this.#waiting = [];
    this.#awaited = null;
  }

  /** The machine of all of them went dark: nothing goes on, nothing was said, their disks remain. */
  powerLost(): void {
    for (const runner of this.alive()) runner.vanish();
    this.#starting = null;
    this.#awaited = null;
    this.current = null;
  }

  #start(): void {
    const number = this.all.length + 1;
    const runner = new Runner({
      world: this.#world,
      network: this.#network,
      host: this.#host(),
      disk: this.#disk,
      number,
      onRegistered: () => this.#registered(runner),
      onGone: (expected) => this.#gone(runner, expected),
    });
    this.all.push(runner);
    this.#starting = runner;
    runner.boot();
    this.#world.time.after(START_TIMEOUT, () => {
      if (this.#starting !== runner) return;
      runner.kill();
      this.#failed();
    });
  }

  #registered(runner: Runner): void {
    if (this.#starting === runner) this.#starting = null;
    this.current = runner;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { ready } of waiting) ready();
  }

  #failed(): void {
    this.#starting = null;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { failed } of waiting) failed();
  }

  /** Its process ended. The host sees that, unless it was away just then. */
  #gone(runner: Runner, expected: boolean): void {
    if (this.#starting === runner) this.#failed();
    const isAwaited = this.#awaited === runner;
    if (isAwaited) this.#awaited = null;
    if (isAwaited && this.#starting === null && this.#waiting.length > 0) this.#start();
    if (this.current !== runner) return;
    if (expected || this.#world.faults.hit("runner_unnoticed")) return;
    this.#world.time.after(SECOND, () => {
      if (this.current === runner) this.current = null;
      this.#host().request((town) =>
        town.post({ type: "runner_lost", epoch: runner.epoch, reason: "its process ended" }),
      );
    });
  }
}
