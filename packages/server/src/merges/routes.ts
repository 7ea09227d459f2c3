/** Merge requests (spec/api.md §3.8). */
import { idSchema, mergeRequestShape, mergeState } from "@gastown/protocol";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, listOf, noBody } from "../http/query.ts";
import type { ServerPorts } from "../ports.ts";
import { adoptRoutes } from "./adopt.ts";
import { mergePersonRoutes } from "./person-routes.ts";

const merges = "/api/towns/{townId}/merges";
const merge = `${merges}/{beadId}` as const;

export function mergeRoutes(on: Endpoints, ports: ServerPorts): void {
  // Its path has a fixed segment where that of one merge request has a parameter.
  mergePersonRoutes(on);
  adoptRoutes(on, ports);
  on.read(
    {
      method: "get",
      path: merges,
      operation: "merges.list",
      summary: "The merge queue.",
      who: "viewer",
      query: z.strictObject({ state: mergeState.optional(), rigId: idSchema("rig").optional() }),
      answer: listOf(mergeRequestShape),
    },
    (town, { query }) => complete(town.merges(query)),
  );
  on.read(
    {
      method: "get",
      path: merge,
      operation: "merges.get",
      summary: "One merge request.",
      who: "viewer",
      answer: mergeRequestShape,
    },
    (town, { params }) => town.merge(params.beadId),
  );
  on.command(
    {
      method: "post",
      path: `${merge}/retry`,
      operation: "merges.retry",
      summary: "Queues a failed or stuck merge request again.",
      who: "member",
      body: noBody,
      answer: mergeRequestShape,
    },
    (town, { params, actor }) => town.retryMerge(params.beadId, actor),
  );
}
