/** A review with inline comments, written once (spec/review.md §2, comments mode). */
import { z } from "zod";
import { refusedWith } from "../failure.ts";
import type { Forge, InlineComment } from "../forge.ts";
import { hasMarker, partOf, withMarker } from "../review/marker.ts";
import { type FileDiff, headed, place } from "../review/placement.ts";
import { allPages, type GitHubCall } from "./call.ts";

const texts = z.array(z.object({ body: z.string().nullable() }));
const files = z.array(
  z.object({ filename: z.string(), previous_filename: z.string().optional(), patch: z.string().optional() }),
);

type At = { owner: string; repo: string; pull_number: number };

async function readReviews(call: GitHubCall, at: At): Promise<string[]> {
  const pages = await allPages(texts, (page) =>
    call.octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews", {
      ...at,
      per_page: 100,
      page,
    }),
  );
  return pages.flat().map(({ body }) => body ?? "");
}

async function readComments(call: GitHubCall, at: At): Promise<string[]> {
  const pages = await allPages(texts, (page) =>
    call.octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/comments", {
      ...at,
      per_page: 100,
      page,
    }),
  );
  return pages.flat().map(({ body }) => body ?? "");
}

async function readDiffs(call: GitHubCall, at: At): Promise<FileDiff[]> {
  const pages = await allPages(files, (page) =>
    call.octokit.request("GET /repos/{owner}/{repo}/pulls/{pull_number}/files", {
      ...at,
      per_page: 100,
      page,
    }),
  );
  return pages.flat().map(({ filename, previous_filename, patch }) => ({
    path: filename,
    oldPath: previous_filename ?? filename,
    patch: patch ?? null,
  }));
}

/**
 * False: it was there already. Comments on lines that the diff does not show become threads of their
 * file, each with a marker of its own, and come before the review, whose marker says that all is done.
 */
export async function postReview(
  call: GitHubCall,
  number: number,
  input: Parameters<Forge["postReview"]>[0],
): Promise<boolean> {
  const at: At = { ...call.at, pull_number: number };
  if ((await readReviews(call, at)).some((body) => hasMarker(body, input.marker))) return false;
  const placed = place(input.comments, input.comments.length === 0 ? [] : await readDiffs(call, at));
  const ofFiles = placed.flatMap((one, part) => (one.at === "file" ? [{ ...one, part }] : []));
  const there = ofFiles.length === 0 ? [] : await readComments(call, at);
  for (const { comment, part } of ofFiles) {
    const marker = partOf(input.marker, part);
    if (there.some((body) => hasMarker(body, marker))) continue;
    await call.octokit.request("POST /repos/{owner}/{repo}/pulls/{pull_number}/comments", {
      ...at,
      commit_id: input.headSha,
      path: comment.path,
      subject_type: "file",
      body: withMarker(headed(comment), marker),
    });
  }
  const inline = placed.flatMap((one) => (one.at === "line" ? [one] : []));
  const textual = placed.flatMap((one) => (one.at === "text" ? [one.comment] : []));
  try {
    await writeReview(call, at, input, { inline, textual });
  } catch (thrown) {
    // The head moved, and its diff with it: rather without their places than not at all.
    if (inline.length === 0 || !refusedWith([422], thrown)) throw thrown;
    const all = [...textual, ...inline.map(({ comment }) => comment)];
    await writeReview(call, at, input, { inline: [], textual: all });
  }
  return true;
}

async function writeReview(
  call: GitHubCall,
  at: At,
  input: Parameters<Forge["postReview"]>[0],
  comments: {
    inline: readonly { comment: InlineComment; line: number }[];
    textual: readonly InlineComment[];
  },
): Promise<void> {
  const listed = comments.textual.map((comment) => `- ${headed(comment)}`);
  await call.octokit.request("POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews", {
    ...at,
    commit_id: input.headSha,
    event: "COMMENT",
    body: withMarker([input.body, ...listed].join("\n\n"), input.marker),
    comments: comments.inline.map(({ comment, line }) => ({
      path: comment.path,
      line,
      side: "RIGHT",
      body: comment.body,
    })),
  });
}
