/** The pipeline, its jobs and the external statuses of one head (spec/review.md §4.3). */
import type { CheckRun, PullRequestSignals } from "@gastown/protocol";
import { limits } from "@gastown/protocol";
import { z } from "zod";
import { unlessStatus } from "../failure.ts";
import { logTail } from "../review/text.ts";
import { parsed } from "../transport/parse.ts";
import { ALL, type GitLabCall } from "./call.ts";
import type { MergeRequest } from "./merge-requests.ts";

const status = z.object({
  id: z.int(),
  name: z.string(),
  status: z.string(),
  allow_failure: z.boolean(),
  target_url: z.string().nullish(),
  description: z.string().nullish(),
});
const job = z.object({
  id: z.int(),
  name: z.string(),
  status: z.string(),
  allow_failure: z.boolean(),
  web_url: z.string().nullish(),
});

type State = CheckRun["state"];

const STATES = new Map<string, State>([
  ["success", "success"],
  ["failed", "failure"],
  ["canceled", "cancelled"],
  ["canceling", "cancelled"],
  ["skipped", "skipped"],
  ["manual", "action_required"],
  ...[
    "created",
    "pending",
    "preparing",
    "running",
    "scheduled",
    "waiting_for_callback",
    "waiting_for_resource",
  ].map((name): [string, State] => [name, "pending"]),
]);

/** What may fail, or may wait for a person, holds nothing up. */
function stateOf(of: { status: string; allow_failure: boolean }): State {
  const state = STATES.get(of.status) ?? "unknown";
  if (!of.allow_failure) return state;
  if (state === "failure" || state === "cancelled") return "neutral";
  return state === "action_required" ? "skipped" : state;
}

async function readStatuses(call: GitLabCall, sha: string): Promise<z.infer<typeof status>[]> {
  const data: unknown = await call.commits.allStatuses(call.project, sha, { all: false, ...ALL });
  return parsed("gitlab", z.array(status), data);
}

async function readJobs(call: GitLabCall, pipelineId: number): Promise<z.infer<typeof job>[]> {
  const data: unknown = await call.jobs.all(call.project, { pipelineId, ...ALL });
  return parsed("gitlab", z.array(job), data);
}

type Pipeline = NonNullable<MergeRequest["head_pipeline"]>;

/**
 * Whether a pipeline tested this head: it ran at it, or at a merge of it with its target. One of an
 * earlier head says nothing.
 */
async function testsHead(call: GitLabCall, pipeline: Pipeline, headSha: string): Promise<boolean> {
  if (pipeline.sha === headSha) return true;
  const commit = z.object({ parent_ids: z.array(limits.sha) });
  const data: unknown = await call.commits.show(call.project, pipeline.sha);
  return parsed("gitlab", commit, data).parent_ids.includes(headSha);
}

const pipelineItem = (pipeline: Pipeline): CheckRun => ({
  name: "pipeline",
  state: STATES.get(pipeline.status) ?? "unknown",
  url: null,
  summary: null,
});

/** One that cannot be told makes the whole signal unknown. Throws where a part could not be read. */
export async function readChecks(call: GitLabCall, mr: MergeRequest): Promise<PullRequestSignals["checks"]> {
  const statuses = await readStatuses(call, mr.sha);
  const items = statuses.map((one): CheckRun => ({
    name: one.name,
    state: stateOf(one),
    url: one.target_url ?? null,
    summary: one.description ?? null,
  }));
  const pipeline = mr.head_pipeline ?? null;
  if (pipeline !== null && (await testsHead(call, pipeline, mr.sha))) {
    // Jobs at the head itself are among its statuses; those of a merged result are not.
    const jobs = pipeline.sha === mr.sha ? [] : await readJobs(call, pipeline.id);
    items.push(
      pipelineItem(pipeline),
      ...jobs.map((one): CheckRun => ({
        name: one.name,
        state: stateOf(one),
        url: one.web_url ?? null,
        summary: null,
      })),
    );
  } else if (pipeline !== null) {
    items.push({
      ...pipelineItem(pipeline),
      state: "pending",
      summary: "the pipeline of this head has not begun",
    });
  }
  const odd = items.find(({ state }) => state === "unknown");
  return odd === undefined
    ? { state: "known", head_sha: mr.sha, items }
    : { state: "unknown", why: `the state of the check "${odd.name.slice(0, 100)}" is not known here` };
}

/** The end of a job's log; of an external status what it says of itself. */
export async function readCheckLog(call: GitLabCall, mr: MergeRequest, name: string): Promise<string | null> {
  const pipeline = mr.head_pipeline ?? null;
  const jobs =
    pipeline === null ? [] : (await readJobs(call, pipeline.id)).filter((one) => one.name === name);
  const found = jobs.find((one) => stateOf(one) === "failure") ?? jobs[0];
  if (found !== undefined) {
    const log: unknown = await unlessStatus([403, 404], () => call.jobs.showLog(call.project, found.id));
    if (typeof log === "string" && log !== "") return logTail(log);
  }
  const statuses = await readStatuses(call, mr.sha);
  return statuses.find((one) => one.name === name)?.description ?? null;
}
