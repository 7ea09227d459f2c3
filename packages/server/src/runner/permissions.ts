/** Permission requests of agents: asked by their runner, decided by a person (spec/api.md §3.16). */
import { permissionAnswer, permissionAsked, permissionWithdrawn } from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";

const permission = "/api/towns/{townId}/sessions/{sessionId}/permission";

export function permissionRoutes(on: Endpoints): void {
  on.town(
    {
      method: "post",
      path: permission,
      operation: "sessions.permission",
      summary: "An agent asks for permission; a pending one is decided by a person.",
      who: "runner",
      delivery: "runner",
      body: permissionAsked,
      answer: permissionAnswer,
    },
    ({ town, params, body }) => town.run((open) => open.askPermission(params.sessionId, body)),
  );
  on.town(
    {
      method: "post",
      path: `${permission}/withdraw`,
      operation: "sessions.permission.withdraw",
      summary: "Nobody waits for that answer any more.",
      who: "runner",
      delivery: "runner",
      body: permissionWithdrawn,
      answer: z.object({ recorded: z.literal(true) }),
    },
    ({ town, params, body }) => {
      town.run((open) => open.withdrawPermission(params.sessionId, body));
      return { recorded: true as const };
    },
  );
}
