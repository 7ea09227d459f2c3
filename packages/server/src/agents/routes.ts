/** Agents: the identities that work (spec/api.md §3.9). */
import { agentShape, agentStatus, idSchema, role } from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, listOf, noBody } from "../http/query.ts";

const agent = "/api/towns/{townId}/agents/{agentId}";

export function agentRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: "/api/towns/{townId}/agents",
      operation: "agents.list",
      summary: "Agents and what each is doing.",
      who: "viewer",
      query: z.strictObject({
        role: role.optional(),
        status: agentStatus.optional(),
        rigId: idSchema("rig").optional(),
      }),
      answer: listOf(agentShape),
    },
    (town, { query }) =>
      complete(
        town
          .agents()
          .filter((agent) => query.role === undefined || agent.role === query.role)
          .filter((agent) => query.status === undefined || agent.status === query.status)
          .filter((agent) => query.rigId === undefined || agent.rigId === query.rigId),
      ),
  );
  on.read(
    {
      method: "get",
      path: agent,
      operation: "agents.get",
      summary: "One agent, by id or name.",
      who: "viewer",
      answer: agentShape,
    },
    (town, { params }) => town.agent(params.agentId),
  );
  on.command(
    {
      method: "post",
      path: `${agent}/reset`,
      operation: "agents.reset",
      summary: "Ends its session, work saved; its bead opens without a counted attempt.",
      who: "member",
      body: noBody,
      answer: agentShape,
    },
    (town, { params, actor }) => town.resetAgent(params.agentId, actor),
  );
  on.command(
    {
      method: "delete",
      path: agent,
      operation: "agents.delete",
      summary: "Forgets an idle agent; its name is free again.",
      who: "member",
      answer: z.object({ deleted: z.int() }),
    },
    (town, { params, actor }) => {
      town.deleteAgent(params.agentId, actor);
      return { deleted: 1 };
    },
  );
}
