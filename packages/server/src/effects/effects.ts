/** What carries a town's effects out: one small executor per kind (spec/town.md §4). */
import type { EffectAnswer, EffectRequest } from "@gastown/town";
import { createRunnerClient } from "../runner/client.ts";
import type { PerformEffect } from "../towns/actor.ts";
import { changeModel } from "./change-model.ts";
import { checkSession } from "./check-session.ts";
import type { EffectContext, EffectPorts, RequestOf } from "./context.ts";
import { NotUnderstood } from "./forge.ts";
import { interruptSession } from "./interrupt-session.ts";
import { mergePullRequest } from "./merge-pull-request.ts";
import { messageSession } from "./message-session.ts";
import { openPullRequest } from "./open-pull-request.ts";
import { pollPullRequest } from "./poll-pull-request.ts";
import { postReview } from "./post-review.ts";
import { notify } from "./notify.ts";
import { pokeSession } from "./poke-session.ts";
import { ensureRunner, stopRunner } from "./runner-life.ts";
import { settleSession } from "./settle-session.ts";
import { startSession } from "./start-session.ts";
import { stopSession } from "./stop-session.ts";
import { syncConfig } from "./sync-config.ts";
import { takenByRunner } from "./taken-by-runner.ts";
import { withdrawMerge } from "./withdraw-merge.ts";

type Executors = {
  [K in EffectRequest["kind"]]: (context: EffectContext, request: RequestOf<K>) => Promise<EffectAnswer>;
};
const EXECUTORS: Executors = {
  start_session: startSession,
  stop_session: stopSession,
  check_session: checkSession,
  message_session: messageSession,
  interrupt_session: interruptSession,
  sync_config: syncConfig,
  change_model: changeModel,
  settle_session: settleSession,
  poke_session: pokeSession,
  setup_rig: takenByRunner("/repos/setup"),
  branch: takenByRunner("/git/branch"),
  run_gates: takenByRunner("/gates/run"),
  // The runner asks *landed* first, so a repeat is harmless (spec/review.md §3).
  merge: takenByRunner("/git/merge"),
  withdraw_merge: withdrawMerge,
  update_branch: takenByRunner("/git/update"),
  ask_model: takenByRunner("/agents/ask"),
  open_pull_request: openPullRequest,
  poll_pull_request: pollPullRequest,
  merge_pull_request: mergePullRequest,
  post_review: postReview,
  notify,
  ensure_runner: ensureRunner,
  stop_runner: stopRunner,
};

/** What carries a town's effects out; one for all towns of a host. */
export function createEffects(ports: EffectPorts): PerformEffect {
  const client = createRunnerClient(ports.fetch);
  const notUnderstood = new NotUnderstood();
  return async (townId, effect, signal) => {
    const { request } = effect;
    // The table gives each kind's own executor, which no type can say of a union.
    const execute = EXECUTORS[request.kind] as (
      context: EffectContext,
      request: EffectRequest,
    ) => Promise<EffectAnswer>;
    const context = { ...ports, client, townId, effect, notUnderstood, signal };
    const answer = await execute(context, request);
    if (answer.type !== "retry") notUnderstood.end(effect.id);
    return answer;
  };
}
