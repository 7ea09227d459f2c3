/** What people do with merge requests (spec/api.md §3.8). */
import {
  attentionItem,
  dismissMergeBody,
  laneBody,
  mergeLane,
  mergeNowBody,
  mergeRequestShape,
  mergeVerdictBody,
} from "@gastown/protocol";
import type { Actor, Town } from "@gastown/town";
import type { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, listOf, noBody } from "../http/query.ts";

const merges = "/api/towns/{townId}/merges";
const merge = `${merges}/{beadId}` as const;

type Simple = (town: Town, ref: string, actor: Actor) => z.input<typeof mergeRequestShape>;

/** Each by its name, with what it is for. */
const SIMPLE: readonly (readonly [name: "hold" | "release" | "refresh", summary: string, run: Simple])[] = [
  ["hold", "Keeps it from landing.", (town, ref, actor) => town.holdMerge(ref, actor)],
  ["release", "Lets it land again.", (town, ref, actor) => town.releaseMerge(ref, actor)],
  ["refresh", "Reads its pull request now.", (town, ref, actor) => town.pollNow(ref, actor)],
];

type OfLane = (town: Town, of: z.infer<typeof laneBody>, actor: Actor) => z.input<typeof mergeLane>;

const LANES: readonly (readonly [name: "pause" | "resume", summary: string, run: OfLane])[] = [
  [
    "pause",
    "Nothing lands into this target until it is resumed.",
    (town, { rigId, target }, actor) => town.pauseLane(rigId, target, actor),
  ],
  [
    "resume",
    "Lets it land there again; a red target is tried at once.",
    (town, { rigId, target }, actor) => town.resumeLane(rigId, target, actor),
  ],
];

export function mergePersonRoutes(on: Endpoints): void {
  on.read(
    {
      method: "get",
      path: `${merges}/attention`,
      operation: "merges.attention",
      summary: "Merge requests that wait for a person, the latest first.",
      who: "viewer",
      answer: listOf(attentionItem),
    },
    (town) => complete(town.attention()),
  );
  on.read(
    {
      method: "get",
      path: `${merges}/lanes`,
      operation: "merges.lanes",
      summary: "What lands where, in which order, and why it waits.",
      who: "viewer",
      answer: listOf(mergeLane),
    },
    (town) => complete(town.lanes()),
  );
  for (const [name, summary, run] of LANES) {
    on.command(
      {
        method: "post",
        path: `${merges}/lanes/${name}`,
        operation: `merges.lanes.${name}`,
        summary,
        who: "member",
        body: laneBody,
        answer: mergeLane,
      },
      (town, { body, actor }) => run(town, body, actor),
    );
  }
  for (const [name, summary, run] of SIMPLE) {
    on.command(
      {
        method: "post",
        path: `${merge}/${name}`,
        operation: `merges.${name}`,
        summary,
        who: "member",
        body: noBody,
        answer: mergeRequestShape,
      },
      (town, { params, actor }) => run(town, params.beadId, actor),
    );
  }
  on.command(
    {
      method: "post",
      path: `${merge}/merge`,
      operation: "merges.mergeNow",
      summary: "Skips the grace period of exactly this head, and never a check.",
      who: "member",
      body: mergeNowBody,
      answer: mergeRequestShape,
    },
    (town, { params, body, actor }) => town.mergeNow(params.beadId, body.headSha, actor),
  );
  on.command(
    {
      method: "post",
      path: `${merge}/dismiss`,
      operation: "merges.dismiss",
      summary: "Gives it up; its pull request stays as it is.",
      who: "member",
      body: dismissMergeBody,
      answer: mergeRequestShape,
    },
    (town, { params, body: { note = "", source }, actor }) =>
      town.dismissMerge(params.beadId, { note, source }, actor),
  );
  on.command(
    {
      method: "post",
      path: `${merge}/verdict`,
      operation: "merges.verdict",
      summary: "A person's verdict on exactly this head, by a reviewer's rules.",
      who: "member",
      body: mergeVerdictBody,
      answer: mergeRequestShape,
    },
    (town, { params, body, actor }) =>
      town.giveMergeVerdict(
        params.beadId,
        body.verdict === "approve" ? body : { ...body, files: body.files ?? [] },
        actor,
      ),
  );
}
