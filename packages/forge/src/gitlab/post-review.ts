/** A review on GitLab: a discussion for each comment and a note for the whole, each written once. */
import { z } from "zod";
import { refusedWith } from "../failure.ts";
import type { Forge } from "../forge.ts";
import { hasMarker, partOf, withMarker } from "../review/marker.ts";
import { type FileDiff, headed, place, type Placed } from "../review/placement.ts";
import { parsed } from "../transport/parse.ts";
import { ALL, type GitLabCall } from "./call.ts";
import { readDiscussions } from "./discussions.ts";
import { type MergeRequest, readMergeRequest } from "./merge-requests.ts";

type DiffRefs = NonNullable<MergeRequest["diff_refs"]>;

async function readDiffs(call: GitLabCall, iid: number): Promise<FileDiff[]> {
  const diff = z.object({ old_path: z.string(), new_path: z.string(), diff: z.string() });
  const data: unknown = await call.mergeRequests.allDiffs(call.project, iid, ALL);
  return parsed("gitlab", z.array(diff), data).map((one) => ({
    path: one.new_path,
    oldPath: one.old_path,
    patch: one.diff === "" ? null : one.diff,
  }));
}

/** GitLab takes a place on a line, or on a file; what has none starts a thread of its own. */
function positionOf(placed: Placed, refs: DiffRefs): object | null {
  if (placed.at === "text") return null;
  const common = {
    baseSha: refs.base_sha,
    headSha: refs.head_sha,
    startSha: refs.start_sha,
    newPath: placed.comment.path,
    oldPath: placed.oldPath,
  };
  if (placed.at === "file") return { ...common, positionType: "file" };
  return {
    ...common,
    positionType: "text",
    newLine: placed.line,
    ...(placed.oldLine === null ? {} : { oldLine: placed.oldLine }),
  };
}

async function postThread(
  call: GitLabCall,
  iid: number,
  placed: Placed,
  at: { refs: DiffRefs | null; marker: string },
): Promise<void> {
  const position = at.refs === null ? null : positionOf(placed, at.refs);
  const { comment } = placed;
  const plain = withMarker(headed(comment), at.marker);
  if (position === null) {
    return call.startDiscussion(iid, plain, null);
  }
  const body = placed.at === "line" ? withMarker(comment.body, at.marker) : plain;
  try {
    await call.startDiscussion(iid, body, position);
  } catch (thrown) {
    // A place that GitLab does not take (its diff is folded, or it is older than places on files).
    if (!refusedWith([400, 422], thrown)) throw thrown;
    await call.startDiscussion(iid, plain, null);
  }
}

/** False: it was there already. The note comes last: its marker says that all is done. */
export async function postReview(
  call: GitLabCall,
  iid: number,
  input: Parameters<Forge["postReview"]>[0],
): Promise<boolean> {
  const said = (await readDiscussions(call, iid)).flatMap(({ notes }) => notes.map(({ body }) => body));
  const has = (marker: string): boolean => said.some((body) => hasMarker(body, marker));
  if (has(input.marker)) return false;
  if (input.comments.length > 0) {
    const mr = await readMergeRequest(call, iid);
    // The places are of the reviewed head's diff: after a push they would stand at other lines.
    const refs = mr.sha === input.headSha ? (mr.diff_refs ?? null) : null;
    const placed = place(input.comments, await readDiffs(call, iid));
    for (const [part, one] of placed.entries()) {
      const marker = partOf(input.marker, part);
      if (!has(marker)) await postThread(call, iid, one, { refs, marker });
    }
  }
  await call.notes.create(call.project, iid, withMarker(input.body, input.marker));
  return true;
}
