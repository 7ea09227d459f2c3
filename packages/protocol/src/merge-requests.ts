/** Bodies and answers of the merge-request routes (spec/api.md §3.8). */
import { z } from "zod";
import { checkRun } from "./forge.ts";
import { mergeRequestShape } from "./merge-shapes.ts";
import { body, longText, note, sha, text, title } from "./text.ts";

export const dismissMergeBody = z.strictObject({
  note: note.optional(),
  /** What becomes of the bead whose work it is. */
  source: z.enum(["reopen", "hold", "close"]),
});
export const mergeNowBody = z.strictObject({ headSha: sha });
export const mergeVerdictBody = z.discriminatedUnion("verdict", [
  z.strictObject({ headSha: sha, verdict: z.literal("approve"), summary: longText }),
  z.strictObject({
    headSha: sha,
    verdict: z.literal("request_changes"),
    feedback: longText,
    files: z
      .array(
        z.strictObject({
          path: text(1, 500),
          line: z.int().min(1).optional(),
          note: text(1, 2_000).optional(),
        }),
      )
      .max(50)
      .optional(),
  }),
]);

export const laneBody = z.strictObject({ rigId: text(1, 100), target: text(1, 500) });

export const previewBody = z.strictObject({ prUrl: text(1, 2_000) });
export const adoptBody = z.strictObject({
  prUrl: text(1, 2_000),
  title: title.optional(),
  body: body.optional(),
  /** Whether work made for it may rewrite the branch's history; no unless it is said. */
  forcePushAllowed: z.boolean().optional(),
});

/** What a pull request is, before the town looks after it. */
export const pullRequestPreview = z.object({
  url: z.string(),
  state: z.enum(["open", "merged", "closed"]),
  title: z.string(),
  author: z.string(),
  head: z.string(),
  base: z.string(),
  headSha: z.string(),
  /** Null: they could not be read. */
  checks: z.array(checkRun).nullable(),
  repoMatches: z.literal(true),
  /** Null: the forge does not say. */
  canPush: z.boolean().nullable(),
  /** The merge request that watches it already. */
  alreadyWatched: z.string().optional(),
  warnings: z.array(z.string()),
});
export type PullRequestPreview = z.infer<typeof pullRequestPreview>;

export const adoptAnswer = mergeRequestShape.extend({ warning: z.string().optional() });
