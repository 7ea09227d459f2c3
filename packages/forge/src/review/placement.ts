/** Where the comments of a review can stand: inline, with their file, or only in the review's text. */
import type { InlineComment } from "../forge.ts";
import { diffLines } from "./diff-lines.ts";

export interface FileDiff {
  readonly path: string;
  readonly oldPath: string;
  /** Null where the forge shows no diff: binary, or too large. */
  readonly patch: string | null;
}

export type Placed =
  | { at: "line"; comment: InlineComment; line: number; oldLine: number | null; oldPath: string }
  | { at: "file"; comment: InlineComment; oldPath: string }
  | { at: "text"; comment: InlineComment };

export function place(comments: readonly InlineComment[], diffs: readonly FileDiff[]): Placed[] {
  const byPath = new Map(diffs.map((diff) => [diff.path, diff]));
  return comments.map((comment): Placed => {
    const diff = byPath.get(comment.path);
    if (diff === undefined) return { at: "text", comment };
    const { oldPath } = diff;
    const { line } = comment;
    const oldLine = line === null || diff.patch === null ? undefined : diffLines(diff.patch).get(line);
    return line === null || oldLine === undefined
      ? { at: "file", comment, oldPath }
      : { at: "line", comment, line, oldLine, oldPath };
  });
}

/** How a comment names its place where the forge cannot. */
export const headed = ({ path, line, body }: InlineComment): string =>
  `**\`${path.replaceAll("`", "'")}${line === null ? "" : `:${line}`}\`** ${body}`;
