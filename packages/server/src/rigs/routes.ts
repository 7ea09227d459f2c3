/** Rigs: the repositories of a town (spec/api.md §3.4). */
import { hostOf } from "@gastown/forge";
import { createRigBody, rigShape } from "@gastown/protocol";
import { z } from "zod";
import { sealUrl } from "../credentials/git-url.ts";
import type { ServerPorts } from "../ports.ts";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, flag, listOf, noBody } from "../http/query.ts";

const rigs = "/api/towns/{townId}/rigs";
const rig = `${rigs}/{rigId}` as const;

/** The host's own GitHub is known to its settings only; the rest an address says by itself. */
function ownGitHub(ports: ServerPorts, gitUrl: string): { forge?: "github" } {
  const site = ports.forges?.github;
  return site !== undefined && hostOf(gitUrl) === site.host ? { forge: "github" } : {};
}

export function rigRoutes(on: Endpoints, ports: ServerPorts): void {
  on.read(
    {
      method: "get",
      path: rigs,
      operation: "rigs.list",
      summary: "The town's rigs.",
      who: "viewer",
      answer: listOf(rigShape),
    },
    (town) => complete(town.rigs()),
  );
  on.commandAfter(
    {
      method: "post",
      path: rigs,
      operation: "rigs.create",
      summary: "Adds a repository; it is cloned and tried in the background.",
      who: "owner",
      body: createRigBody,
      status: 201,
      answer: rigShape,
      location: ({ townId, id }) => `/api/towns/${townId}/rigs/${id}`,
    },
    ({ params, body }) => sealUrl(ports, params.townId, body.gitUrl),
    (town, { body, actor }, { gitUrl, secrets }) =>
      town.addRig({ ...body, gitUrl, ...ownGitHub(ports, gitUrl) }, actor, secrets),
  );
  on.read(
    {
      method: "get",
      path: rig,
      operation: "rigs.get",
      summary: "One rig.",
      who: "viewer",
      answer: rigShape,
      etag: ({ version }) => `"rig-${version}"`,
    },
    (town, { params }) => town.rig(params.rigId),
  );
  on.command(
    {
      method: "delete",
      path: rig,
      operation: "rigs.delete",
      summary: "Removes a rig; with live work only when forced.",
      who: "owner",
      query: z.strictObject({ force: flag.optional() }),
      answer: z.object({ deleted: z.int() }),
    },
    (town, { params, query, actor }) => {
      town.removeRig(params.rigId, { force: query.force ?? false }, actor);
      return { deleted: 1 };
    },
  );
  on.command(
    {
      method: "post",
      path: `${rig}/verify`,
      operation: "rigs.verify",
      summary: "Tries the repository again; the result comes as an event.",
      who: "member",
      body: noBody,
      status: 202,
      answer: rigShape,
    },
    (town, { params, actor }) => town.verifyRig(params.rigId, actor),
  );
}
