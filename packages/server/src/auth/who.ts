/** Who may call a route, and the town that its path names (spec/api.md §2.4, §2.7). */
import { GastownError } from "@gastown/protocol";
import type { AppContext, Principal } from "../http/env.ts";
import { checkOrigin } from "../http/host.ts";
import type { ServerPorts } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";
import { authenticateRunner } from "./runners.ts";
import { authenticateUser } from "./users.ts";

/**
 * `viewer`, `member` and `owner` are roles in the town of the path; `user` is anybody who signed in
 * (and the user of the path, where it names one); `boot` and `ticket` bring a one-use secret that
 * the handler itself uses up; `runner_grace` also takes an expired token of the current epoch.
 */
export type Who =
  | "anyone"
  | "user"
  | "viewer"
  | "member"
  | "owner"
  | "runner"
  | "runner_grace"
  | "boot"
  | "ticket";

export interface Known {
  principal: Principal;
  town: TownActor | undefined;
}

export async function checkWho(ports: ServerPorts, who: Who, c: AppContext): Promise<Known> {
  const principal = await principalOf(ports, who, c);
  c.set("principal", principal);
  if (principal.kind === "user") checkUser(ports, principal, c);
  const townId = c.req.param("townId");
  const town = townId === undefined ? undefined : await openTown(ports, townId);
  if (principal.kind === "runner") checkRunner(principal, townId, town);
  return { principal, town };
}

function principalOf(ports: ServerPorts, who: Who, c: AppContext): Promise<Principal> | Principal {
  if (who === "anyone" || who === "boot" || who === "ticket") return { kind: "anonymous" };
  if (who === "runner" || who === "runner_grace") {
    return authenticateRunner(ports, c, who === "runner_grace");
  }
  // In local mode the one user owns every town; oidc mode reads the role here, at each request.
  return authenticateUser(ports, c);
}

function checkUser(ports: ServerPorts, principal: Principal & { kind: "user" }, c: AppContext): void {
  if (principal.cookie) checkOrigin(ports, c);
  const userId = c.req.param("userId");
  if (userId !== undefined && userId !== principal.userId) {
    throw new GastownError("user_mismatch", "This address belongs to another user.");
  }
}

function checkRunner(
  principal: Principal & { kind: "runner" },
  townId: string | undefined,
  town: TownActor | undefined,
): void {
  if (town === undefined || principal.townId !== townId) {
    throw new GastownError("scope_mismatch", "This runner's token is for another town.");
  }
  const epoch = town.read((open) => open.runnerEpoch());
  if (principal.epoch !== epoch) {
    throw new GastownError(
      "runner_fenced",
      "A newer runner has taken over this town. Save what you have and end.",
    );
  }
}

async function openTown(ports: ServerPorts, townId: string): Promise<TownActor> {
  const town = await ports.towns.get(townId);
  if (town === undefined) throw new GastownError("not_found", "There is no such town.");
  return town;
}
