import type { PrimeContext } from "@gastown/protocol";
import { isObject } from "./mcp-client.ts";

/**
 * The town's answer to `gt_prime`. Its shape is the town's contract; only what would break this
 * agent is checked here, because loading the schemas would double its start-up time.
 */
export function readPrime(value: unknown): PrimeContext {
  if (!isObject(value) || typeof value["role"] !== "string") throw new Error("gt_prime gave no context");
  return value as PrimeContext;
}
