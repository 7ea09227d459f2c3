/**
 * What a loss of power takes back: everything that was committed since the last flush. The database
 * flushes when effects are claimed, before they leave (spec/town.md §4), so each stretch between two
 * flushes is one transaction here, and the power is lost by leaving it with an error.
 */
import type { Sql } from "@gastown/town";
import type { Timeline } from "../kernel/timeline.ts";

export class Power {
  flushed = false;
  lost = false;
}

class PowerLost extends Error {}
/** What went wrong inside a stretch, brought out of its transaction without undoing it. */
type Ending = { type: "end" | "flushed" } | { type: "thrown"; error: unknown };

export class Stretches {
  readonly #time: Timeline;
  readonly #sql: Sql;
  readonly #power: Power;
  readonly #rewound: () => void;

  /** `rewound`: the database stands where it was at the last flush again. */
  constructor(time: Timeline, sql: Sql, power: Power, rewound: () => void) {
    this.#time = time;
    this.#sql = sql;
    this.#power = power;
    this.#rewound = rewound;
  }

  /** Runs all that happens until `end`. Throws what an event threw. */
  runTo(end: number): void {
    for (;;) {
      const ending = this.#stretch(end);
      if (ending.type === "thrown") throw ending.error;
      if (ending.type === "end") return;
    }
  }

  #stretch(end: number): Ending {
    try {
      return this.#sql.transaction(() => this.#events(end));
    } catch (error) {
      if (!(error instanceof PowerLost)) throw error;
      this.#power.lost = false;
      this.#power.flushed = false;
      this.#rewound();
      return { type: "flushed" };
    }
  }

  #events(end: number): Ending {
    try {
      while (this.#time.step(end)) {
        if (this.#power.lost) break;
        if (!this.#power.flushed) continue;
        this.#power.flushed = false;
        return { type: "flushed" };
      }
    } catch (error) {
      return { type: "thrown", error };
    }
    if (this.#power.lost) throw new PowerLost();
    return { type: "end" };
  }
}
