/** Asking a town's runner for something that a person waits for; it is started where there is none. */
import { GastownError, RetryableError } from "@gastown/protocol";
import { beforeDeadline } from "../effects/context.ts";
import type { ServerPorts } from "../ports.ts";
import { createRunnerClient, type RunnerFailure } from "./client.ts";

/** How long a person waits at most, in milliseconds. */
const WAIT_MS = 60_000;

interface Question {
  townId: string;
  method: "GET" | "POST";
  path: string;
  body?: unknown;
}

/**
 * The runner's answer, its body unread. Throws the runner's own error; `runner_unavailable`,
 * `at_capacity` where there is none; `timeout` where it did not answer.
 */
export async function askRunner(ports: ServerPorts, { townId, ...request }: Question): Promise<Response> {
  const deadline = new AbortController();
  const cancel = ports.setTimer(WAIT_MS, () => deadline.abort());
  try {
    const runner = await beforeDeadline(ports.runners.ensure(townId), deadline.signal).catch(unavailable);
    const client = createRunnerClient(ports.fetch);
    const call = await client.open(runner, { ...request, signal: deadline.signal });
    if (call.type === "ok") return call.response;
    return failed(call);
  } finally {
    cancel();
  }
}

function unavailable(error: unknown): never {
  if (error instanceof GastownError) throw error;
  const why = error instanceof Error ? error.message : "It did not come up.";
  throw new RetryableError("runner_unavailable", `The town's runner is needed for this. ${why}`);
}

function failed(call: RunnerFailure): never {
  if (call.type === "error") throw new GastownError(call.code, call.message);
  throw new RetryableError(call.type === "absent" ? "runner_unavailable" : "timeout", call.message);
}
