/** Carries effects out as `packages/server/src/effects` does: which call it is, what its answer means. */
import type { ClaimedEffect, EffectAnswer, EffectRequest } from "@gastown/town";
import type { Network, Outcome, Reply } from "../kernel/network.ts";
import { SECOND } from "../kernel/timeline.ts";
import type { Runner } from "../runner/runner.ts";
import type { Fleet } from "./fleet.ts";
import type { ForgeEffects } from "./forge-effects.ts";

type Answer = (answer: EffectAnswer) => void;

const CALL_TIMEOUT = 10 * SECOND;
/** Refusals that say *not now*: HTTP 503. */
const LATER = ["draining", "at_capacity"];

export class Executor {
  readonly #network: Network;
  readonly #fleet: Fleet;
  readonly #forge: ForgeEffects;

  constructor(network: Network, fleet: Fleet, forge: ForgeEffects) {
    this.#network = network;
    this.#fleet = fleet;
    this.#forge = forge;
  }

  perform(effect: ClaimedEffect, answer: Answer): void {
    const { request } = effect;
    if (this.#forge.perform(effect, answer)) return undefined;
    switch (request.kind) {
      case "ensure_runner":
        return this.#fleet.ensure(
          () => answer({ type: "done" }),
          () => answer({ type: "retry", message: "the runner did not start", counted: true }),
        );
      case "stop_runner":
        return this.#fleet.stop(() => answer({ type: "done" }));
      case "stop_session":
      case "message_session":
      case "poke_session":
      case "check_session":
      case "interrupt_session":
      case "withdraw_merge":
        return this.#withCurrent(request, answer);
      default:
        this.#fleet.ensure(
          () => this.#withCurrent(request, answer),
          () => answer({ type: "retry", message: "no runner", counted: false }),
        );
    }
  }

  #withCurrent(request: EffectRequest, answer: Answer): void {
    const runner = this.#fleet.current;
    if (!runner) return answer({ type: "retry", message: "no runner", counted: false });
    this.#network.call<unknown>({
      name: `town → ${runner.name}: ${request.kind}`,
      timeoutMs: CALL_TIMEOUT,
      deliver: () => deliver(runner, request),
      done: (outcome) => answer(answerOf(request, outcome)),
    });
  }
}

function deliver(runner: Runner, request: EffectRequest): Reply<unknown> {
  if (!runner.listens) return { type: "down" };
  switch (request.kind) {
    case "start_session":
      return runner.start(request.plan);
    case "stop_session":
      return runner.stopSession(request.sessionId, request.epoch, request.mode);
    case "poke_session":
      return runner.poke(request.sessionId, request.epoch);
    case "check_session":
      return runner.checkSession(request.sessionId, request.epoch);
    case "message_session":
      return runner.message(request.sessionId, request.epoch, request.messageId);
    case "settle_session":
      return runner.settle(request.sessionId, request.body);
    case "withdraw_merge":
      return runner.landing.withdraw(request.effectId);
    case "setup_rig":
      return runner.landing.setup(request.body);
    case "branch":
      return runner.landing.branch(request.body);
    case "run_gates":
      return runner.landing.gates(request.body);
    case "merge":
      return runner.landing.merge(request.body);
    case "update_branch":
      return runner.landing.update(request.body);
    default:
      return { type: "ok", value: null };
  }
}

function answerOf(request: EffectRequest, outcome: Outcome<unknown>): EffectAnswer {
  if (outcome.type === "lost") return { type: "retry", message: "no answer", counted: true };
  if (outcome.type === "down") return { type: "retry", message: "nobody listens", counted: false };
  const work = ["settle_session", "setup_rig", "branch", "run_gates", "merge", "update_branch"].includes(
    request.kind,
  );
  if (outcome.type === "ok") return work ? { type: "accepted" } : { type: "done" };
  return refused(request, outcome.code);
}

function refused(request: EffectRequest, code: string): EffectAnswer {
  const reason = { code, message: code };
  const gone = code === "session_fenced" || code === "not_found";
  const needless = request.kind === "stop_session" || request.kind === "poke_session";
  if (needless && gone) return { type: "done" };
  if (request.kind === "withdraw_merge" && (gone || code === "invalid_transition")) return { type: "done" };
  if (code === "session_fenced") return { type: "retry", message: code, counted: false };
  if (request.kind === "start_session") return { type: "refused", reason };
  if (LATER.includes(code)) return { type: "retry", message: code, counted: false };
  return { type: "refused", reason };
}
