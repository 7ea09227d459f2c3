import type { ClockPorts, RunnerPort, SigningKey } from "../ports.ts";
import type { PerformEffect } from "../towns/actor.ts";

export interface EffectPorts extends ClockPorts {
  runners: RunnerPort;
  /** Newest first; signs the sessions' tokens. */
  keys: readonly SigningKey[];
  publicUrl: string;
  fetch?: typeof fetch;
}

/** What carries a town's effects out; one for all towns of a host. */
export declare function createEffects(ports: EffectPorts): PerformEffect;
