/** Looking after a pull request that a person opened (spec/review.md §4.4, spec/api.md §3.8). */
import { adoptAnswer, adoptBody, previewBody, pullRequestPreview, type Rig } from "@gastown/protocol";
import type { Actor, Town } from "@gastown/town";
import type { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import type { ServerPorts } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";
import { readPullRequest, type ReadPullRequest } from "./pull-request.ts";

const merges = "/api/towns/{townId}/rigs/{rigId}/merges";

export function adopted(
  town: Town,
  rigRef: string,
  body: { title?: string | undefined; body?: string | undefined; forcePushAllowed?: boolean | undefined },
  { pr }: ReadPullRequest,
  actor: Actor,
): z.input<typeof adoptAnswer> {
  const { mergeRequest, existing } = town.adoptPullRequest(rigRef, { ...body, pr }, actor);
  return existing
    ? { ...mergeRequest, warning: "It was watched already; nothing was changed." }
    : mergeRequest;
}

export function adoptRoutes(on: Endpoints, ports: ServerPorts): void {
  on.town(
    {
      method: "post",
      path: `${merges}/preview`,
      operation: "merges.preview",
      summary: "What a pull request is, before the town looks after it. Changes nothing.",
      who: "viewer",
      body: previewBody,
      answer: pullRequestPreview,
    },
    async ({ town, params, body }) => {
      const rig = town.read((open) => open.rig(params.rigId));
      const read = await readPullRequest(ports, params.townId, rig, body.prUrl);
      const watching = watchedBy(town, read.pr.url);
      const { url, state, title, author, head, base } = read.pr;
      return {
        url,
        state,
        title,
        author,
        head,
        base,
        headSha: read.pr.head_sha,
        checks: read.signals?.checks.state === "known" ? read.signals.checks.items : null,
        repoMatches: true as const,
        canPush: read.canPush,
        ...(watching === undefined ? {} : { alreadyWatched: watching }),
        warnings: warningsOf(rig, read),
      };
    },
  );
  on.commandAfter(
    {
      method: "post",
      path: `${merges}/adopt`,
      operation: "merges.adopt",
      summary: "Gives an open pull request to the town, which looks after it until it is merged.",
      who: "member",
      body: adoptBody,
      status: 201,
      answer: adoptAnswer,
      location: ({ id }, { townId }) => `/api/towns/${townId}/merges/${id}`,
    },
    async ({ params, body }) => {
      const town = await ports.towns.get(params.townId);
      const rig = town?.read((open) => open.rig(params.rigId));
      return rig === undefined ? null : readPullRequest(ports, params.townId, rig, body.prUrl);
    },
    (town, { params, body: { title, body, forcePushAllowed }, actor }, read) => {
      // The town was there a moment ago, or this turn of it would not run.
      if (read === null) throw new Error("the town closed in between");
      return adopted(town, params.rigId, { title, body, forcePushAllowed }, read, actor);
    },
  );
}

function watchedBy(town: TownActor, url: string): string | undefined {
  return town.read((open) => open.merges({})).find(({ pullRequest }) => pullRequest?.url === url)?.id;
}

function warningsOf(rig: Rig, { pr, canPush }: ReadPullRequest): string[] {
  const warnings: string[] = [];
  if (pr.state !== "open") warnings.push(`It is ${pr.state}: only an open one can be adopted.`);
  if (pr.draft) warnings.push("It is a draft: the town waits until it is ready for review.");
  if (pr.base !== rig.defaultBranch)
    warnings.push(`It goes into ${pr.base}, and not into ${rig.defaultBranch ?? "the default branch"}.`);
  if (canPush === false)
    warnings.push("The town may not push to its branch: feedback, conflicts and red checks are yours.");
  return warnings;
}
