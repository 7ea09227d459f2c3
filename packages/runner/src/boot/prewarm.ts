/**
 * Opening the mayor before anybody talks to it (spec/runner.md §3): one call says what its next start
 * will use, and the session is opened by the same function as that start. What is prewarmed therefore
 * is the right one, or it is nothing.
 */
import { launchContext, prewarmAnswer, RetryableError } from "@gastown/protocol";
import type { LaunchContext } from "@gastown/protocol";
import type { TownClient } from "../callbacks/town-client.ts";
import type { Log } from "../options.ts";
import type { Registry } from "../sessions/registry.ts";
import { delay } from "../wait.ts";

type Reading =
  | { readonly type: "open"; readonly specVersion: string }
  | { readonly type: "skip"; readonly why: string };

/** What may be concluded from a context. Whatever is missing is not known, and nothing is guessed. */
export function readContext(context: LaunchContext): Reading {
  const { agent_id, agent, session_id, runtime, model, organization, spec_version } = context;
  if (agent_id === null) return skip("no_mayor");
  const rest = { agent, runtime, model, organization, spec_version };
  const known = Object.values(rest).filter((value) => value !== undefined).length;
  if (known === 0) return skip("not_usable");
  if (known < Object.keys(rest).length || spec_version === undefined) return skip("older_server");
  if (session_id !== undefined) return skip("lives_already");
  return { type: "open", specVersion: spec_version };
}

function skip(why: string): Reading {
  return { type: "skip", why };
}

export interface PrewarmDeps {
  readonly town: TownClient;
  readonly registry: Registry;
  readonly log: Log;
}

const PAUSE_MS = 1_000;
const TRIES = 5;

/** Never fails: a mayor that could not be prewarmed starts when it is talked to. */
export async function prewarm(deps: PrewarmDeps, signal: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryOnce(deps, signal);
    } catch (thrown) {
      const again = thrown instanceof RetryableError && attempt < TRIES && !signal.aborted;
      if (!again) return deps.log("mayor.not_prewarmed", { why: "failed", message: String(thrown) });
      await delay(PAUSE_MS, signal);
    }
  }
}

async function tryOnce({ town, registry, log }: PrewarmDeps, signal: AbortSignal): Promise<void> {
  const context = await town.get("mayor/launch-context", { answer: launchContext, signal });
  const reading = readContext(context);
  if (reading.type === "skip") return log("mayor.not_prewarmed", { why: reading.why });
  const body = JSON.stringify({ spec_version: reading.specVersion });
  const { start } = await town.post("mayor/prewarm", body, { answer: prewarmAnswer, signal });
  // Other settings meanwhile, or somebody has talked to it: that start is on its way here by itself.
  if (start === null) return log("mayor.not_prewarmed", { why: "not_wanted" });
  registry.start(start);
  return log("mayor.prewarmed", { session_id: start.session_id });
}
