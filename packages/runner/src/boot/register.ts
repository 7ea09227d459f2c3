import { registerAnswer, RetryableError } from "@gastown/protocol";
import type { RegisterAnswer, RegisterRequest } from "@gastown/protocol";
import type { TownClient } from "../callbacks/town-client.ts";
import type { Log } from "../options.ts";
import { delay } from "../wait.ts";

const LONGEST_PAUSE_MS = 5_000;

/**
 * Registers this instance (spec/api.md §3.16), until the town answers. It raises the epoch of
 * every live session: from now on everything of an older instance is fenced.
 * @throws GastownError when the town refuses for good, the signal's reason when aborted
 */
export async function register(
  town: TownClient,
  request: RegisterRequest,
  bootSecret: string,
  log: Log,
  signal: AbortSignal,
): Promise<RegisterAnswer> {
  for (let pause = 100; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      const options = { answer: registerAnswer, token: bootSecret, signal };
      return await town.post("runner/register", JSON.stringify(request), options);
    } catch (thrown) {
      // 401 is final here: the secret was made for this process, a later try has no better one.
      const refused = thrown instanceof RetryableError && isCredential(thrown.code);
      if (!(thrown instanceof RetryableError) || refused) throw thrown;
      log("register.delayed", { message: thrown.message, delay_ms: pause });
      await delay(pause, signal);
      signal.throwIfAborted();
    }
  }
}

function isCredential(code: string): boolean {
  return code === "unauthenticated" || code === "token_invalid" || code === "token_expired";
}
