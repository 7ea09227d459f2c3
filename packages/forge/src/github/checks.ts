/** Check runs and commit statuses of one head, all pages of both (spec/review.md §4.3). */
import { type CheckRun, type PullRequestSignals } from "@gastown/protocol";
import { z } from "zod";
import { unlessStatus } from "../failure.ts";
import { logTail } from "../review/text.ts";
import { allPages, type GitHubCall } from "./call.ts";

const checkRun = z.object({
  id: z.int(),
  name: z.string(),
  status: z.string(),
  conclusion: z.string().nullable(),
  html_url: z.string().nullish(),
  app: z.object({ slug: z.string().nullish() }).nullish(),
  output: z.object({ title: z.string().nullish(), summary: z.string().nullish() }).nullish(),
});
const runPage = z.object({ check_runs: z.array(checkRun) });
const status = z.object({
  context: z.string(),
  state: z.string(),
  target_url: z.string().nullish(),
  description: z.string().nullish(),
});
const statusPage = z.object({ statuses: z.array(status) });

type State = CheckRun["state"];

const PENDING = new Set(["queued", "in_progress", "waiting", "requested", "pending"]);
const CONCLUSIONS = new Map<string, State>(
  [
    "success",
    "skipped",
    "neutral",
    "failure",
    "cancelled",
    "timed_out",
    "action_required",
    "stale",
    "startup_failure",
  ].map((name) => [name, name as State]),
);
const STATUSES = new Map<string, State>([
  ["success", "success"],
  ["pending", "pending"],
  ["failure", "failure"],
  ["error", "failure"],
]);

function runState(run: z.infer<typeof checkRun>): State {
  if (PENDING.has(run.status)) return "pending";
  return (run.status === "completed" && CONCLUSIONS.get(run.conclusion ?? "")) || "unknown";
}

const summaryOf = (run: z.infer<typeof checkRun>): string | null =>
  [run.output?.title, run.output?.summary].filter((part) => part).join("\n") || null;

async function readRuns(call: GitHubCall, ref: string): Promise<z.infer<typeof checkRun>[]> {
  const pages = await allPages(runPage, (page) =>
    call.octokit.request("GET /repos/{owner}/{repo}/commits/{ref}/check-runs", {
      ...call.at,
      ref,
      filter: "latest",
      per_page: 100,
      page,
    }),
  );
  return pages.flatMap((page) => page.check_runs);
}

async function readStatuses(call: GitHubCall, ref: string): Promise<z.infer<typeof status>[]> {
  const pages = await allPages(statusPage, (page) =>
    call.octokit.request("GET /repos/{owner}/{repo}/commits/{ref}/status", {
      ...call.at,
      ref,
      per_page: 100,
      page,
    }),
  );
  return pages.flatMap((page) => page.statuses);
}

/** One that cannot be told makes the whole signal unknown. Throws where a part could not be read. */
export async function readChecks(call: GitHubCall, headSha: string): Promise<PullRequestSignals["checks"]> {
  const [runs, statuses] = await Promise.all([readRuns(call, headSha), readStatuses(call, headSha)]);
  const items = [
    ...runs.map((run): CheckRun => ({
      name: run.name,
      state: runState(run),
      url: run.html_url ?? null,
      summary: summaryOf(run),
    })),
    ...statuses.map((one): CheckRun => ({
      name: one.context,
      state: STATUSES.get(one.state) ?? "unknown",
      url: one.target_url ?? null,
      summary: one.description ?? null,
    })),
  ];
  const odd = items.find(({ state }) => state === "unknown");
  return odd === undefined
    ? { state: "known", head_sha: headSha, items }
    : { state: "unknown", why: `the state of the check "${odd.name.slice(0, 100)}" is not known here` };
}

/** The log's tail where GitHub Actions ran it and still has it, else what the check said of itself. */
export async function readCheckLog(call: GitHubCall, name: string, headSha: string): Promise<string | null> {
  const runs = (await readRuns(call, headSha)).filter((run) => run.name === name);
  const run = runs.find((one) => !["success", "neutral", "skipped"].includes(runState(one))) ?? runs[0];
  if (run === undefined) {
    const found = (await readStatuses(call, headSha)).find(({ context }) => context === name);
    return found?.description ?? null;
  }
  if (run.app?.slug !== "github-actions") return summaryOf(run);
  const log = await unlessStatus([403, 404, 410], () =>
    call.octokit.request("GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs", {
      ...call.at,
      job_id: run.id,
    }),
  );
  const text: unknown = log?.data;
  return typeof text === "string" && text !== "" ? logTail(text) : summaryOf(run);
}
