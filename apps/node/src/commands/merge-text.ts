import type { MergeRequest } from "@gastown/protocol";
import { cut, table, type Output } from "../cli/output.ts";

/** One merge request for a person. */
export function describeMerge(out: Output, merge: MergeRequest): string {
  const facts: [string, string][] = [
    ["State", merge.state],
    ["Branch", `${merge.branch} → ${merge.target} (${merge.strategy}, ${merge.method})`],
    ["Head", `${merge.headSha.slice(0, 8)}${merge.reviewedSha === merge.headSha ? ", reviewed" : ""}`],
  ];
  if (merge.waitingOn !== undefined) facts.push(["Waits", merge.waitingOn.message]);
  if (merge.held !== null) facts.push(["Held by", merge.held]);
  if (merge.failure !== null) facts.push(["Failed", `${merge.failure.kind}: ${merge.failure.message}`]);
  if (merge.mergeCommit !== null) facts.push(["Landed as", merge.mergeCommit.slice(0, 8)]);
  const pr = merge.pullRequest;
  if (pr !== null) facts.push(...pullRequestFacts(pr));
  const lines = [out.style("bold", merge.title), table(["", ""], facts)];
  for (const { name, exitCode, logId } of merge.gates) {
    const ended = exitCode === null ? "did not end" : exitCode === 0 ? "green" : `exit ${exitCode}`;
    const log = logId === null || exitCode === 0 ? "" : `, its log: gastown log ${logId}`;
    lines.push(`  gate ${name}: ${ended}${log}`);
  }
  for (const check of pr?.checks ?? []) lines.push(`  check ${check.name}: ${check.state}`);
  for (const { kind, headSha, feedback } of merge.rounds)
    lines.push(`  asked for at ${headSha.slice(0, 8)} (${kind}): ${cut(feedback, 100)}`);
  return lines.join("\n");
}

function pullRequestFacts(pr: NonNullable<MergeRequest["pullRequest"]>): [string, string][] {
  const open = pr.threads?.filter(({ resolved }) => !resolved).length;
  const approval = pr.approval === null ? "approval unknown" : `approval: ${pr.approval.replace("_", " ")}`;
  const threads = open === undefined ? "threads unknown" : `${open} open threads`;
  return [
    ["Pull request", `${pr.url} (${pr.draft ? "draft, " : ""}${pr.state}, ${pr.mergeable})`],
    [
      "",
      `${approval}, ${threads}, read ${pr.readAt}${pr.pollError === null ? "" : `, last read failed: ${pr.pollError}`}`,
    ],
  ];
}
