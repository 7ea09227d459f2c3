/** The effects of one town that are being carried out now (spec/town.md §4). */
import type { ClaimedEffect, EffectAnswer } from "@gastown/town";
import type { ClockPorts, EventSink } from "../ports.ts";
import type { PerformEffect } from "./actor.ts";

export interface EffectRuns {
  start(effect: ClaimedEffect): void;
  readonly size: number;
  /** Resolves when none runs any more. */
  settled(): Promise<void>;
}

export interface EffectRunsOptions extends ClockPorts {
  townId: string;
  perform: PerformEffect;
  sink: EventSink;
  answered(effect: ClaimedEffect, answer: EffectAnswer): void;
}

export function createEffectRuns(options: EffectRunsOptions): EffectRuns {
  const running = new Set<Promise<void>>();

  /** The deadline aborts the call; whatever became of it is unknown, so it is tried again. */
  const carryOut = async (effect: ClaimedEffect): Promise<EffectAnswer> => {
    const deadline = new AbortController();
    const cancel = options.setTimer(Math.max(0, effect.deadline - options.now()), () => deadline.abort());
    try {
      return await options.perform(options.townId, effect, deadline.signal);
    } catch (error) {
      options.sink.log("error", "an effect's executor failed", {
        townId: options.townId,
        effectId: effect.id,
        kind: effect.request.kind,
        error,
      });
      return {
        type: "retry",
        message: "The server failed to carry this out; its log says why.",
        counted: true,
      };
    } finally {
      cancel();
    }
  };

  const run = async (effect: ClaimedEffect): Promise<void> => {
    const began = options.now();
    const answer = await carryOut(effect);
    options.answered(effect, answer);
    options.sink.event({
      event: "outbox.effect",
      at: new Date(options.now()).toISOString(),
      delivery: "internal",
      townId: options.townId,
      effectId: effect.id,
      label: effect.request.kind,
      outcome: answer.type,
      value: effect.attempt,
      durationMs: options.now() - began,
    });
  };

  return {
    start(effect) {
      const done = run(effect)
        .catch((error: unknown) => {
          options.sink.log("error", "an effect's answer was lost", {
            townId: options.townId,
            effectId: effect.id,
            error,
          });
        })
        .finally(() => running.delete(done));
      running.add(done);
    },
    get size() {
      return running.size;
    },
    async settled() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}
