/** Rigs: the repositories of a town (spec/api.md §3.4). */
import { hostOf } from "@gastown/forge";
import { createRigBody, leftRefs, rigShape, type LeftRef } from "@gastown/protocol";
import { z } from "zod";
import { sealUrl } from "../credentials/git-url.ts";
import type { ServerPorts } from "../ports.ts";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, flag, listOf, noBody } from "../http/query.ts";

/** Below what proxies and clients wait for an answer. */
const FORGET_WAIT_MS = 20_000;

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
  on.town(
    {
      method: "post",
      path: `${rig}/branches/forget`,
      operation: "rigs.forgetBranches",
      summary:
        "Deletes what the town made on the remote: attempts' and feature branches, saved work. Waits a while for it.",
      who: "owner",
      body: noBody,
      answer: leftRefs,
    },
    async ({ town, params, actor, c }) => {
      const asked = town.run((open) => open.forgetBranches(params.rigId, actor));
      const now = (): LeftRef[] => town.read((open) => open.askedRefs(asked));
      const isOver = (): true | undefined =>
        now().some(({ state }) => state === "pending") ? undefined : true;
      await town.wait(isOver, FORGET_WAIT_MS, c.req.raw.signal);
      return { items: now() };
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
