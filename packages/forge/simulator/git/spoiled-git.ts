/** Carries a fault out on one of git's requests. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Fault } from "../faults/faults.ts";
import type { World } from "../model/world.ts";
import { serveGit, type GitRoute } from "./smart-http.ts";

/** It happens, and nobody hears of it. */
function unheard(): Parameters<typeof serveGit>[3] {
  const nothing: Pick<ServerResponse, "writeHead" | "write" | "once" | "end"> = {
    writeHead: () => nothing as ServerResponse,
    write: () => true,
    once: () => nothing as ServerResponse,
    end: () => nothing as ServerResponse,
  };
  return nothing;
}

export async function spoiledGit(
  fault: Fault,
  world: World,
  route: GitRoute,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (fault.kind === "status") {
    response.writeHead(fault.status, fault.headers);
    response.end(fault.body ?? "a fault on request\n");
    return;
  }
  const happens = fault.kind === "lose_answer" || fault.kind === "truncate";
  if (happens) await serveGit(world, route, request, unheard());
  response.destroy();
}
