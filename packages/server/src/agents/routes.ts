/** Agents: the identities that work (spec/api.md §3.9). */
import { agentShape, agentStatus, idSchema, role } from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, listOf } from "../http/query.ts";

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
}
