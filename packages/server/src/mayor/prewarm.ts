/** What a runner that boots asks of the mayor (spec/api.md §3.16). */
import { launchContext, prewarmAnswer, prewarmRequest, type LaunchContext } from "@gastown/protocol";
import type { MayorContext } from "@gastown/town";
import type { Endpoints } from "../http/endpoint.ts";
import type { ServerPorts } from "../ports.ts";
import { sessionLaunch, specVersion } from "../runner/launch.ts";
import { startRequestOf } from "../runner/start-request.ts";

const mayor = "/api/towns/{townId}/mayor";

export function prewarmRoutes(on: Endpoints, ports: ServerPorts): void {
  on.town(
    {
      method: "get",
      path: `${mayor}/launch-context`,
      operation: "mayor.launchContext",
      summary: "What the next start of the mayor will use.",
      who: "runner",
      delivery: "runner",
      answer: launchContext,
    },
    async ({ town }) => contextOf(town.read((open) => open.mayorContext())),
  );
  on.town(
    {
      method: "post",
      path: `${mayor}/prewarm`,
      operation: "mayor.prewarm",
      summary:
        "Opens the mayor that the context described; nothing where that is no longer what would start.",
      who: "runner",
      delivery: "runner",
      body: prewarmRequest,
      answer: prewarmAnswer,
      secret: true,
    },
    async ({ town, body }) => {
      const { launch } = town.read((open) => open.mayorContext());
      if (launch === null || (await specVersion(sessionLaunch(launch))) !== body.spec_version) {
        return { start: null };
      }
      const plan = town.run((open) => open.prewarmMayor(launch.settings.config_version));
      if (plan === null) return { start: null };
      return { start: await startRequestOf(ports, town.id, plan, ports.now()) };
    },
  );
}

async function contextOf({ agent, sessionId, launch }: MayorContext): Promise<LaunchContext> {
  if (agent === null) return { agent_id: null };
  if (launch === null) return { agent_id: agent.id };
  const { runtime, model, small_model, settings } = launch;
  return {
    agent_id: agent.id,
    agent,
    ...(sessionId === null ? {} : { session_id: sessionId }),
    runtime,
    model,
    small_model,
    // Towns belong to a user for now; where one belongs to an organisation, its id stands here.
    organization: null,
    spec_version: await specVersion(sessionLaunch(launch)),
    config_version: settings.config_version,
  };
}
