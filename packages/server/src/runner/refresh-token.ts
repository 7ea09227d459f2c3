/**
 * A new credential for a runner that lives (spec/runner.md §1 `/refresh-token`). Heartbeats renew it as
 * it ages; this is for a host that has found the runner of an earlier one, whose keys may have been
 * others: then what the runner has may be worth nothing here. It restarts nothing.
 */
import type { RefreshTokenRequest } from "@gastown/protocol";
import { signRunnerToken } from "../auth/tokens.ts";
import type { ClockPorts, SigningKey } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";
import { createRunnerClient } from "./client.ts";
import type { RunnerAddress } from "./port.ts";

const CALL_MS = 10_000;

export interface RefreshPorts extends Pick<ClockPorts, "now"> {
  /** Newest first. */
  readonly keys: readonly SigningKey[];
  readonly fetch?: typeof fetch;
}

/**
 * `other`: this instance is not the town's newest, and gets nothing that could pass for one of it.
 * Never throws.
 */
export async function refreshRunnerToken(
  { keys, now, fetch }: RefreshPorts,
  town: Pick<TownActor, "id" | "read">,
  address: RunnerAddress,
): Promise<"refreshed" | "other" | "unreached"> {
  const { instanceId } = address;
  const epoch = town.read((open) => open.epochOf(instanceId));
  if (epoch === null) return "other";
  const { token } = await signRunnerToken(keys, { instanceId, townId: town.id, epoch }, now());
  const body: RefreshTokenRequest = { token };
  const signal = AbortSignal.timeout(CALL_MS);
  const call = await createRunnerClient(fetch).call(address, {
    method: "POST",
    path: "/refresh-token",
    body,
    signal,
  });
  return call.type === "ok" ? "refreshed" : "unreached";
}
