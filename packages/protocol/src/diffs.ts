/**
 * What the runner reads for a person: the difference that some work makes, and stored logs
 * (spec/runner.md §1, spec/api.md §3.5 and §3.8). Runner control is `snake_case`, the API `camelCase`.
 */
import { z } from "zod";
import { idSchema } from "./ids.ts";
import { branchName, sha, text } from "./text.ts";

/** A unified diff of one file, of a whole change, and a stored log are at most so long, in bytes. */
export const MAX_FILE_DIFF: number = 1_048_576;
export const MAX_DIFF: number = 16 * 1_048_576;
export const MAX_LOG: number = 8 * 1_048_576;

const DIFF_PAGE = 500;

/** A commit id, the first parent of one (`<id>^`), or a full ref name on the remote. */
const revision = z.string().regex(/^(?:[0-9a-f]{40}\^?|[0-9a-f]{64}\^?|refs\/\S{1,300})$/, "not a revision");

const view = {
  /** `files`: a page of what changed. `patch`: a unified diff, of `path` alone where it is given. */
  view: z.enum(["files", "patch"]).default("files"),
  path: text(1, 4_096).optional(),
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(2_000).default(DIFF_PAGE),
};

/** `GET /agents/:session/diff`: what the session's worktree has now, beyond where it began. */
export const treeDiffQuery = z.strictObject(view);
export type TreeDiffQuery = z.infer<typeof treeDiffQuery>;

/** Between what a difference is made. `merge_base`: since `head` left `base`. `direct`: between the two. */
export const diffRange = z.strictObject({
  base: revision,
  head: revision,
  from: z.enum(["merge_base", "direct"]),
});
export type DiffRange = z.infer<typeof diffRange>;

/** `GET /git/diff`. The rig's fields are those of `rigRef`. */
export const diffQuery = z.strictObject({
  ...view,
  ...diffRange.shape,
  rig_id: idSchema("rig"),
  rig_name: text(1, 64),
  git_url: text(1, 2_000),
  default_branch: branchName,
});
export type DiffQuery = z.infer<typeof diffQuery>;

const changedFile = z.object({
  path: z.string(),
  /** Where it was renamed or copied from. */
  old_path: z.string().optional(),
  status: z.enum(["added", "modified", "deleted", "renamed", "copied", "type_changed"]),
  additions: z.int(),
  deletions: z.int(),
  binary: z.boolean(),
});
export type ChangedFile = z.infer<typeof changedFile>;

const stat = z.object({ files: z.int(), additions: z.int(), deletions: z.int() });

/** The answer to `view=files`. */
export const diffFiles = z.object({
  base: sha,
  /** Null: a working tree, which is no commit yet. */
  head: sha.nullable(),
  stat,
  files: z.array(changedFile),
  /** `after` of the next page; null: there is none. */
  next: z.int().nullable(),
});
export type DiffFiles = z.infer<typeof diffFiles>;

/** Headers of the answer to `view=patch`: its bounds, and whether it was cut there. */
export const PATCH_HEADERS = {
  base: "x-diff-base",
  head: "x-diff-head",
  truncated: "x-diff-truncated",
} as const;

/** `?range` of the API: the whole branch, what is new since the last verdict, or one session's part. */
export const beadRange = z
  .string()
  .regex(/^(branch|since_review|session:sess_[0-9A-Z]{26})$/, "branch, since_review or session:<id>");

export const diffShape = z.object({
  base: z.string(),
  head: z.string().nullable(),
  stat,
  items: z.array(
    z.object({
      path: z.string(),
      oldPath: z.string().optional(),
      status: changedFile.shape.status,
      additions: z.int(),
      deletions: z.int(),
      binary: z.boolean(),
    }),
  ),
  nextCursor: z.string().nullable(),
});
export type Diff = z.infer<typeof diffShape>;

export const fileDiffShape = z.object({
  path: z.string(),
  base: z.string(),
  head: z.string().nullable(),
  diff: z.string(),
  truncated: z.boolean(),
});

/** `GET /logs/:log` of a runner; with `follow` the answer goes on until nothing is added any more. */
export const logQuery = z.strictObject({ follow: z.enum(["true", "false"]).optional() });
/** Whether more may be added to the log, in the runner's answer. */
export const LOG_LIVE_HEADER = "x-gastown-log-live";

export const logShape = z.object({
  /** Number of the first line, from 0. */
  from: z.int(),
  lines: z.array(z.string()),
  /** Lines that there are, or that match `q`. */
  total: z.int(),
  /** The complete log is out of reach; these lines are its end, as the town keeps it. */
  missing: z.boolean().optional(),
  /** Nothing is added to it any more. */
  done: z.boolean(),
});
