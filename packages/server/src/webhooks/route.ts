/**
 * Webhooks of forges (spec/api.md §3.4). A genuine one makes the next look at a pull request
 * immediate, and nothing in it is believed; everything works without any, only later.
 */
import { readGitHubWebhook, readGitLabWebhook, type WebhookReading } from "@gastown/forge";
import { GastownError } from "@gastown/protocol";
import { z } from "zod";
import { unseal } from "../credentials/seal.ts";
import { readBytes } from "../http/body.ts";
import { documentOf } from "../http/document.ts";
import type { App, AppContext } from "../http/env.ts";
import type { Registry } from "../http/registry.ts";
import { sendJson } from "../http/send.ts";
import type { ServerPorts } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";

const PATH = "/api/towns/{townId}/rigs/{rigId}/webhooks/{provider}";
const PATTERN = "/api/towns/:townId/rigs/:rigId/webhooks/:provider";
const READERS = { github: readGitHubWebhook, gitlab: readGitLabWebhook };

export function webhookRoute(app: App, ports: ServerPorts, registry: Registry): void {
  registry.add({ method: "POST", pattern: PATTERN, operation: "rigs.webhook" });
  app.openAPIRegistry.registerPath(
    documentOf({
      method: "post",
      path: PATH,
      operation: "rigs.webhook",
      summary: "An event of the rig's forge, signed with the rig's credentials.webhook_secret.",
      who: "forge",
      status: 202,
      answer: z.object({ accepted: z.boolean() }),
    }),
  );
  app.on("POST", PATTERN, async (c) => {
    c.set("operation", "rigs.webhook");
    c.set("delivery", "webhook");
    const body = new TextDecoder().decode(await readBytes(c));
    const { town, rigId, secret } = await rigOf(ports, c);
    const reader = READERS[c.req.param("provider") as keyof typeof READERS] as
      | (typeof READERS)["github"]
      | undefined;
    if (reader === undefined || secret === undefined) throw refused();
    const reading = await reader(secret, { headers: c.req.raw.headers, body });
    if (reading.kind === "refused") throw refused();
    return sendJson(c, { accepted: take(town, rigId, reading) }, 202);
  });
}

/** One answer for everything that is not genuine, so that it tells nothing of what there is. */
const refused = (): GastownError =>
  new GastownError(
    "unauthenticated",
    "This is no webhook that the rig expects. Sign it with the rig's credentials.webhook_secret.",
  );

async function rigOf(
  ports: ServerPorts,
  c: AppContext,
): Promise<{ town: TownActor; rigId: string; secret: string | undefined }> {
  const town = await ports.towns.get(c.req.param("townId") ?? "");
  const rigId = c.req.param("rigId") ?? "";
  const known = town?.read((open) => open.rigs().some(({ id }) => id === rigId));
  if (town === undefined || known !== true) throw refused();
  const key = "webhook_secret";
  const stored = town.read((open) => open.secrets(rigId)).find((one) => one.key === key);
  const secret = stored && (await unseal(ports.sealingKeys, { townId: town.id, key }, stored.sealed));
  return { town, rigId, secret };
}

/** A delivery counts once a day; false: it is about nothing that the town watches. */
function take(
  town: TownActor,
  rigId: string,
  reading: Exclude<WebhookReading, { kind: "refused" }>,
): boolean {
  if (reading.kind === "ignored") return false;
  const { pullRequests: urls, headSha, branch, delivery } = reading;
  return town.run((open) => {
    const look = (): number => open.pollConcerned(rigId, { urls, headSha, branch });
    if (delivery === null) return look() > 0;
    const request = { principal: `webhook:${rigId}`, key: delivery, fingerprint: "" };
    const answer = open.idempotent(request, () => ({ status: 202, body: String(look()) }));
    return Number(answer.body) > 0;
  });
}
