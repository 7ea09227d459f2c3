/**
 * Calls between processes that may be lost, late, doubled or overtaken, in both directions. The callee
 * is asked at the moment of delivery, so what it is by then decides.
 */
import type { World } from "../world/world.ts";
import type { Random } from "./random.ts";
import { MINUTE, SECOND } from "./timeline.ts";

/** `down`: nobody listens there. `error`: it refused, with a code. */
export type Reply<T> = { type: "ok"; value: T } | { type: "error"; code: string } | { type: "down" };
/** `lost`: no answer came in time; nobody knows whether the call arrived. */
export type Outcome<T> = Reply<T> | { type: "lost" };

export interface Call<T> {
  name: string;
  timeoutMs: number;
  deliver: () => Reply<T>;
  done: (outcome: Outcome<T>) => void;
}

export class Network {
  readonly #world: World;
  readonly #random: Random;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.fork("network");
  }

  call<T>(call: Call<T>): void {
    const { time, faults } = this.#world;
    let over = false;
    const finish = (outcome: Outcome<T>): void => {
      if (over) return;
      over = true;
      deadline.cancel();
      call.done(outcome);
    };
    const deadline = time.after(call.timeoutMs, () => finish({ type: "lost" }));
    const deliver = (): void => {
      const reply = call.deliver();
      this.#world.note(() => `${call.name} → ${reply.type === "error" ? reply.code : reply.type}`);
      if (faults.hit("answer_lost")) return;
      time.after(this.#latency("answer_late"), () => finish(reply));
    };
    if (!faults.hit("request_lost")) time.after(this.#latency("request_late"), deliver);
    if (faults.hit("request_doubled")) time.after(this.#random.between(1, 20 * SECOND), deliver);
  }

  #latency(late: "request_late" | "answer_late"): number {
    return this.#world.faults.hit(late)
      ? this.#random.skewed(SECOND, 10 * MINUTE)
      : this.#random.between(1, 40);
  }
}
