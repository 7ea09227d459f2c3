/**
 * What a runner tells its town (spec/api.md §3.16). Each call is one fact and returns at once; the
 * answer says what to do, so that the runner never guesses from a status code.
 */
import {
  drainedNotice,
  drainNotice,
  effectSettle,
  eventsAnswer,
  eventsRequest,
  GastownError,
  registerAnswer,
  registerRequest,
  sessionEnded,
  sessionSaved,
  sessionStatus,
  sessionStatusAnswer,
  settleResult,
  turnEnded,
} from "@gastown/protocol";
import type { Fact, Town } from "@gastown/town";
import { z } from "zod";
import { signRunnerToken } from "../auth/tokens.ts";
import { bearerOf } from "../auth/users.ts";
import type { Endpoints } from "../http/endpoint.ts";
import type { Principal } from "../http/env.ts";
import type { ServerPorts } from "../ports.ts";
import type { ForgeTokens } from "../credentials/tokens.ts";
import { gitTokenRoute } from "./git-token.ts";
import { heartbeatRoute } from "./heartbeat.ts";
import { permissionRoutes } from "./permissions.ts";
import { startRequestOf } from "./start-request.ts";

const runner = "/api/towns/{townId}/runner";
const session = "/api/towns/{townId}/sessions/{sessionId}";
const HEARTBEAT_SECONDS = 30;
const recorded = z.object({ recorded: z.boolean() });
const acknowledged = z.object({ acknowledged: z.literal(true) });
const RECORDED = { recorded: true };
const ACKNOWLEDGED = { acknowledged: true as const };

export function runnerRoutes(on: Endpoints, ports: ServerPorts, tokens: ForgeTokens): void {
  registerRoute(on, ports);
  heartbeatRoute(on, ports);
  eventsRoute(on);
  sessionRoutes(on);
  permissionRoutes(on);
  instanceRoutes(on, ports);
  gitTokenRoute(on, tokens);
}

/** The instance that called; routes of `who: "runner"` have checked that it is the newest. */
function instanceOf(principal: Principal): Principal & { kind: "runner" } {
  if (principal.kind !== "runner") throw new GastownError("forbidden", "Only a runner may call this.");
  return principal;
}

/** A newer instance fences every older one; its boot secret counts once. */
function registerRoute(on: Endpoints, ports: ServerPorts): void {
  on.town(
    {
      method: "post",
      path: `${runner}/register`,
      operation: "runner.register",
      summary: "A runner instance begins, with its boot secret.",
      who: "boot",
      delivery: "runner",
      body: registerRequest,
      answer: registerAnswer,
      secret: true,
    },
    async ({ town, body, c }) => {
      const secret = bearerOf(c);
      if (secret === undefined) throw new GastownError("unauthenticated", "Send the boot secret.");
      if (!(await ports.bootSecrets.consume(town.id, secret, body.instance_id))) {
        throw new GastownError(
          "token_invalid",
          "This boot secret is unknown, used or too old. The host must start the runner again.",
        );
      }
      const { epoch, desired, known } = town.run((open) => open.registerRunner(body.instance_id));
      const address = { url: body.control.url, bearer: body.control.bearer, instanceId: body.instance_id };
      ports.runners.registered(town.id, address);
      const now = ports.now();
      const issued = await signRunnerToken(
        ports.keys,
        { instanceId: body.instance_id, townId: town.id, epoch },
        now,
      );
      return {
        epoch,
        token: issued.token,
        expires_at: new Date(issued.expiresAt).toISOString(),
        heartbeat_seconds: HEARTBEAT_SECONDS,
        config_version: town.read((open) => open.configVersion()),
        desired: await Promise.all(desired.map((plan) => startRequestOf(ports, town.id, plan, now))),
        known,
      };
    },
  );
}

function eventsRoute(on: Endpoints): void {
  on.town(
    {
      method: "post",
      path: `${runner}/events`,
      operation: "runner.events",
      summary: "Transcript items; stored in order, once.",
      who: "runner",
      delivery: "runner",
      body: eventsRequest,
      answer: eventsAnswer,
    },
    ({ town, body, principal }) => {
      const answer = town.run((open) => open.appendTranscript(instanceOf(principal).epoch, body));
      town.feed.transcriptGrew(answer.accepted.map(({ session_id }) => session_id));
      return answer;
    },
  );
}

function sessionRoutes(on: Endpoints): void {
  on.town(
    {
      method: "post",
      path: `${session}/status`,
      operation: "sessions.statusReport",
      summary: "How far a start came; with phase tools it can wait until the tools were listed.",
      who: "runner",
      delivery: "runner",
      body: sessionStatus,
      answer: sessionStatusAnswer,
    },
    async ({ town, params: { sessionId }, body, c }) => {
      const { epoch, phase, text, conversation_id: conversationId, wait_ms } = body;
      town.run((open) => {
        assertKnown(open, sessionId);
        open.post({ type: "session_status", sessionId, epoch, phase, text, conversationId });
      });
      const listed = (open: Town): true | undefined => open.hasListedTools(sessionId) || undefined;
      const found = await town.wait(listed, phase === "tools" ? (wait_ms ?? 0) : 0, c.req.raw.signal);
      return { ok: true as const, tools_listed: found === true };
    },
  );
  factRoute(on, {
    path: `${session}/settle`,
    operation: "sessions.settle",
    summary: "What became of a session's work.",
    body: settleResult,
    fact: (sessionId, result) => ({ type: "session_settled", sessionId, result }),
  });
  factRoute(on, {
    path: `${session}/ended`,
    operation: "sessions.ended",
    summary: "An agent is gone and its work is saved.",
    body: sessionEnded,
    fact: (sessionId, ended) => ({ type: "session_ended", sessionId, ended }),
  });
  factRoute(on, {
    path: `${session}/saved`,
    operation: "sessions.saved",
    summary: "Work of a session that goes on is on the remote.",
    body: sessionSaved,
    fact: (sessionId, saved) => ({ type: "session_saved", sessionId, saved }),
  });
  factRoute(on, {
    path: `${session}/turn`,
    operation: "sessions.turn",
    summary: "A turn is over.",
    body: turnEnded,
    fact: (sessionId, turn) => ({ type: "turn_ended", sessionId, turn }),
  });
}

interface FactRoute<B extends z.ZodType> {
  path: `${typeof session}/${string}`;
  operation: string;
  summary: string;
  body: B;
  fact: (sessionId: string, body: z.output<B>) => Fact;
}

/** A lower epoch changes nothing: the town's transition of the fact sees to it. */
function factRoute<B extends z.ZodType>(on: Endpoints, { fact, ...spec }: FactRoute<B>): void {
  on.town(
    { ...spec, method: "post", who: "runner", delivery: "runner", answer: recorded },
    ({ town, params, body }) => {
      const { sessionId } = params as { sessionId: string };
      town.run((open) => {
        assertKnown(open, sessionId);
        open.post(fact(sessionId, body));
      });
      return RECORDED;
    },
  );
}

function instanceRoutes(on: Endpoints, ports: ServerPorts): void {
  on.town(
    {
      method: "post",
      path: `${runner}/effects/{effectId}/settle`,
      operation: "runner.effects.settle",
      summary: "The result of what the runner accepted.",
      who: "runner",
      delivery: "runner",
      body: effectSettle,
      answer: recorded,
    },
    ({ town, params, body, principal }) => {
      const runnerEpoch = instanceOf(principal).epoch;
      town.run((open) =>
        open.post({
          type: "effect_settled",
          effectId: params.effectId,
          runnerEpoch,
          attempt: body.attempt,
          outcome: body.result,
        }),
      );
      return RECORDED;
    },
  );
  on.town(
    {
      method: "post",
      path: `${runner}/drain`,
      operation: "runner.drain",
      summary: "The instance is going: nothing new is sent to it.",
      who: "runner",
      delivery: "runner",
      body: drainNotice,
      answer: acknowledged,
    },
    ({ town, principal }) => {
      town.run((open) => open.post({ type: "runner_draining", epoch: instanceOf(principal).epoch }));
      return ACKNOWLEDGED;
    },
  );
  on.town(
    {
      method: "post",
      path: `${runner}/drained`,
      operation: "runner.drained",
      summary: "The last call of an instance.",
      who: "runner",
      delivery: "runner",
      body: drainedNotice,
      answer: acknowledged,
    },
    ({ town, principal }) => {
      const { epoch, instanceId } = instanceOf(principal);
      // First, so that whatever starts because of it meets the next instance and not this one's door.
      ports.runners.drained(town.id, instanceId);
      town.run((open) => open.post({ type: "runner_drained", epoch }));
      return ACKNOWLEDGED;
    },
  );
}

/** Throws `not_found` for a session of another town. */
function assertKnown(town: Town, sessionId: string): void {
  town.session(sessionId);
}
