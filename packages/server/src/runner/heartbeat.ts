/** One sign of life for all sessions of an instance; tokens are renewed in its answer (spec/api.md §2.5, §2.6). */
import { GastownError, heartbeatAnswer, heartbeatRequest, type HeartbeatAnswer } from "@gastown/protocol";
import type { LaunchPlan } from "@gastown/town";
import { RUNNER_TOKEN_MS, SESSION_TOKEN_MS, signRunnerToken, signSessionToken } from "../auth/tokens.ts";
import type { Endpoints } from "../http/endpoint.ts";
import type { Principal } from "../http/env.ts";
import type { ServerPorts } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";

/** When a session's token was last signed, in epoch ms: per open town, gone with it. */
const renewals = new WeakMap<TownActor, Map<string, number>>();

export function heartbeatRoute(on: Endpoints, ports: ServerPorts): void {
  on.town(
    {
      method: "post",
      path: "/api/towns/{townId}/runner/heartbeat",
      operation: "runner.heartbeat",
      summary: "Sign of life for all sessions of an instance.",
      who: "runner_grace",
      delivery: "runner",
      body: heartbeatRequest,
      answer: heartbeatAnswer,
    },
    async ({ town, body, principal }) => {
      if (principal.kind !== "runner" || principal.instanceId !== body.instance_id) {
        throw new GastownError("scope_mismatch", "This token belongs to another instance.");
      }
      const answer = town.run((open) => open.heartbeat(principal.epoch, body));
      const sessions = await Promise.all(answer.sessions.map((item) => withToken(ports, town, item)));
      return { ...answer, sessions, ...(await renewedRunnerToken(ports, principal)) };
    },
  );
}

type SessionAnswer = HeartbeatAnswer["sessions"][number];

async function withToken(ports: ServerPorts, town: TownActor, item: SessionAnswer): Promise<SessionAnswer> {
  if (item.verdict !== "ok") return item;
  const due = town.read((open) => {
    const startedAt = Date.parse(open.session(item.session_id).startedAt);
    const signedAt = renewals.get(town)?.get(item.session_id) ?? firstSigned(ports, startedAt);
    return ports.now() - signedAt >= SESSION_TOKEN_MS / 2 ? open.launchPlan(item.session_id) : null;
  });
  if (due === null) return item;
  const known = renewals.get(town) ?? new Map<string, number>();
  renewals.set(town, known.set(item.session_id, ports.now()));
  return { ...item, token: await signSessionToken(ports.keys, tokenOf(town.id, due), ports.now()) };
}

/**
 * When its token was signed that nobody here has renewed. Where keys have been rotated, one of an
 * earlier host may be of a key that the next rotation forgets: that one is renewed at once.
 */
function firstSigned({ keys, startedAt: hostBegan }: ServerPorts, sessionBegan: number): number {
  return keys.length > 1 && sessionBegan < hostBegan ? -Infinity : sessionBegan;
}

const tokenOf = (townId: string, plan: LaunchPlan) => ({
  sessionId: plan.session_id,
  townId,
  rigId: plan.rig?.id ?? null,
  agentId: plan.agent.id,
  role: plan.role,
  epoch: plan.epoch,
});

async function renewedRunnerToken(
  ports: ServerPorts,
  principal: Principal & { kind: "runner" },
): Promise<{ token?: string; expires_at?: string }> {
  if (principal.expiresAt - ports.now() >= RUNNER_TOKEN_MS / 2) return {};
  const { token, expiresAt } = await signRunnerToken(ports.keys, principal, ports.now());
  return { token, expires_at: new Date(expiresAt).toISOString() };
}
