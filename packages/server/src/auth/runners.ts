/** The credential of a runner instance (spec/api.md §2.6). Its epoch is checked against the town. */
import { GastownError } from "@gastown/protocol";
import type { AppContext, Principal } from "../http/env.ts";
import type { ServerPorts } from "../ports.ts";
import { assertFresh, GRACE_MS, verifyRunnerToken } from "./tokens.ts";
import { bearerOf } from "./users.ts";

/** `grace`: an expired token counts for another 24 h (a machine that slept), for the heartbeat only. */
export async function authenticateRunner(
  ports: ServerPorts,
  c: AppContext,
  grace: boolean,
): Promise<Principal> {
  const bearer = bearerOf(c);
  if (bearer === undefined) throw new GastownError("unauthenticated", "Send the runner's token.");
  const verified = await verifyRunnerToken(ports.keys, bearer, ports.now());
  assertFresh(verified, ports.now(), grace ? GRACE_MS : 0);
  return { kind: "runner", ...verified.claims, expiresAt: verified.expiresAt };
}
