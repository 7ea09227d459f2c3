/** What carries a town's effects out: one small executor per kind (spec/town.md §4). */
import type { ClaimedEffect, EffectAnswer, EffectRequest } from "@gastown/town";
import type { ClockPorts, RunnerPort, SigningKey } from "../ports.ts";
import { createRunnerClient } from "../runner/client.ts";
import type { PerformEffect } from "../towns/actor.ts";
import { branch } from "./branch.ts";
import type { EffectContext } from "./context.ts";
import { ensureRunner, stopRunner } from "./runner-life.ts";
import { merge, withdrawMerge } from "./merge.ts";
import { messageSession } from "./message-session.ts";
import { runGates } from "./run-gates.ts";
import { settleSession } from "./settle-session.ts";
import { setupRig } from "./setup-rig.ts";
import { startSession } from "./start-session.ts";
import { stopSession } from "./stop-session.ts";

export interface EffectPorts extends Pick<ClockPorts, "now"> {
  runners: RunnerPort;
  /** Newest first; signs the sessions' tokens. */
  keys: readonly SigningKey[];
  /** Where agents reach the server, without a trailing slash. */
  publicUrl: string;
  /** Reaches runners; the global `fetch` where it is left out. */
  fetch?: typeof fetch;
}

/** What carries a town's effects out; one for all towns of a host. */
export function createEffects(ports: EffectPorts): PerformEffect {
  const client = createRunnerClient(ports.fetch);
  return (townId, effect, signal) => perform({ ...ports, client, townId, effect, signal }, effect);
}

function perform(context: EffectContext, { request }: ClaimedEffect): Promise<EffectAnswer> {
  return byKind(context, request);
}

function byKind(context: EffectContext, request: EffectRequest): Promise<EffectAnswer> {
  switch (request.kind) {
    case "start_session":
      return startSession(context, request);
    case "stop_session":
      return stopSession(context, request);
    case "message_session":
      return messageSession(context, request);
    case "settle_session":
      return settleSession(context, request);
    case "setup_rig":
      return setupRig(context, request);
    case "branch":
      return branch(context, request);
    case "run_gates":
      return runGates(context, request);
    case "merge":
      return merge(context, request);
    case "withdraw_merge":
      return withdrawMerge(context, request);
    case "ensure_runner":
      return ensureRunner(context);
    case "stop_runner":
      return stopRunner(context);
  }
}
