/** Escalations: what needs a person (spec/api.md §3.12). */
import { escalationShape, resolveEscalationBody } from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, flag, listOf, noBody } from "../http/query.ts";

const escalations = "/api/towns/{townId}/escalations";
const escalation = `${escalations}/{escalationId}` as const;

export function escalationRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: escalations,
      operation: "escalations.list",
      summary: "Questions to people.",
      who: "viewer",
      query: z.strictObject({ open: flag.optional() }),
      answer: listOf(escalationShape),
    },
    (town, { query }) => complete(town.escalations(query)),
  );
  on.read(
    {
      method: "get",
      path: escalation,
      operation: "escalations.get",
      summary: "One escalation.",
      who: "viewer",
      answer: escalationShape,
    },
    (town, { params }) => town.escalation(params.escalationId),
  );
  on.command(
    {
      method: "post",
      path: `${escalation}/acknowledge`,
      operation: "escalations.acknowledge",
      summary: "Somebody has seen it: it is not raised again.",
      who: "member",
      body: noBody,
      answer: escalationShape,
    },
    (town, { params, actor }) => town.acknowledgeEscalation(params.escalationId, actor),
  );
  on.command(
    {
      method: "post",
      path: `${escalation}/resolve`,
      operation: "escalations.resolve",
      summary: "Answers it; the choice takes effect in the same transaction.",
      who: "member",
      body: resolveEscalationBody,
      answer: escalationShape,
    },
    (town, { params, body, actor }) => town.resolveEscalation(params.escalationId, body, actor),
  );
}
