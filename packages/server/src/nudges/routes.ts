/** A push to an agent that works, and what its runner takes of them (spec/api.md §3.9, §3.16). */
import {
  idSchema,
  nudgeAck,
  nudgeBody,
  nudgesAnswer,
  nudgesClaim,
  nudgeShape,
  sessionMessageBody,
} from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, listOf } from "../http/query.ts";

const session = "/api/towns/{townId}/sessions/{sessionId}";
const nudges = "/api/towns/{townId}/nudges";
const queued = z.object({ nudgeId: z.string() });

export function nudgeRoutes(on: Endpoints): void {
  makingRoutes(on);
  listRoutes(on);
  runnerRoutes(on);
}

function makingRoutes(on: Endpoints): void {
  on.command(
    {
      method: "post",
      path: "/api/towns/{townId}/agents/{agentId}/nudge",
      operation: "agents.nudge",
      summary: "A short push to an agent that works now.",
      who: "member",
      body: nudgeBody,
      status: 202,
      answer: queued,
    },
    (town, { params, body, actor }) => ({ nudgeId: town.nudgeAgent(params.agentId, body, actor).id }),
  );
  on.command(
    {
      method: "post",
      path: `${session}/messages`,
      operation: "sessions.message",
      summary: "A message to a live session; it becomes a turn.",
      who: "member",
      body: sessionMessageBody,
      status: 202,
      answer: queued,
    },
    (town, { params, body, actor }) => ({
      nudgeId: town.nudgeSession(params.sessionId, { message: body.text, mode: body.mode }, actor).id,
    }),
  );
}

function listRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: nudges,
      operation: "nudges.list",
      summary: "Nudges that nobody has been given yet.",
      who: "viewer",
      query: z.strictObject({ agentId: idSchema("agent").optional() }),
      answer: listOf(nudgeShape),
    },
    (town, { query }) => complete(town.nudges(query.agentId)),
  );
  on.command(
    {
      method: "delete",
      path: `${nudges}/{nudgeId}`,
      operation: "nudges.delete",
      summary: "Takes a nudge back that was not delivered.",
      who: "member",
      answer: nudgeShape,
    },
    (town, { params, actor }) => town.deleteNudge(params.nudgeId, actor),
  );
}

function runnerRoutes(on: Endpoints): void {
  on.town(
    {
      method: "post",
      path: `${session}/nudges/claim`,
      operation: "nudges.claim",
      summary: "What this session may be shown now, urgent ones first.",
      who: "runner",
      delivery: "runner",
      body: nudgesClaim,
      answer: nudgesAnswer,
    },
    ({ town, params, body }) => ({
      nudges: town.run((open) => open.claimNudges(params.sessionId, body.epoch, body.when)),
    }),
  );
  on.town(
    {
      method: "post",
      path: `${session}/nudges/{nudgeId}/ack`,
      operation: "nudges.ack",
      summary: "A nudge was shown, or could not be.",
      who: "runner",
      delivery: "runner",
      body: nudgeAck,
      answer: z.object({ recorded: z.literal(true) }),
    },
    ({ town, params, body }) => {
      town.run((open) => {
        open.acknowledgeNudge(params.sessionId, body.epoch, params.nudgeId, body.delivered);
      });
      return { recorded: true as const };
    },
  );
}
