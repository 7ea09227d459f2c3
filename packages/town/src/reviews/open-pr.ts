/**
 * The town opens the pull request; no agent does (spec/review.md §1). One per branch and target: an
 * open one is adopted, and what the forge refuses for good is `pr_creation_failed`.
 */
import { shortId, type GateResult, type PullRequest } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { enqueue } from "../outbox/outbox.ts";
import { failMerge } from "./fail.ts";
import type { ForgeAnswer } from "./forge-effects.ts";
import { gatesOf, mergeRow, type MergeRow } from "./merge-row.ts";
import { mergeTitle } from "./move-merge.ts";
import { forgeMessage } from "./poll-messages.ts";
import { providerOf, readAnew, storeReading } from "./pull-request.ts";

/** Asks for it where there is none yet. Asked again while one request is under way, it is the same one. */
export function wantPullRequest(ctx: Ctx, merge: MergeRow): void {
  if (merge.strategy !== "pr" || merge.pr_url !== null) return;
  enqueue(ctx, {
    kind: "open_pull_request",
    subject: `pr:${merge.bead_id}`,
    key: `open:${merge.bead_id}:${merge.head_sha}`,
    payload: { mergeId: merge.bead_id, headSha: merge.head_sha },
  });
}

export function pullRequestOpened(
  ctx: Ctx,
  mergeId: string,
  { result }: Extract<ForgeAnswer, { of: "open" }>,
): void {
  const merge = mergeRow(ctx, mergeId);
  if (!merge || merge.pr_url !== null || merge.state === "failed" || merge.state === "merged") return;
  if (result.kind === "ok") return opened(ctx, merge, result.pr);
  const message =
    result.kind === "unsupported"
      ? `This repository's host has no pull requests (${result.what}). Set merge_strategy to direct for this rig.`
      : forgeMessage(result, providerOf(ctx, merge));
  const otherwise =
    result.kind === "no_token" ? " To land without pull requests, set merge_strategy to direct." : "";
  openingRefused(ctx, merge, `${message}${otherwise}`);
}

/** Refused for good, or given up after many tries. */
export function openingRefused(ctx: Ctx, merge: MergeRow, message: string): void {
  audit(ctx, {
    kind: "pr.creation_failed",
    subject: { type: "bead", id: merge.bead_id },
    beadId: merge.source_id,
    convoyId: merge.convoy_id,
    rigId: merge.rig_id,
    text: `The pull request of ${mergeTitle(ctx, merge)} could not be opened: ${message}`,
    data: { provider: providerOf(ctx, merge) },
  });
  failMerge(ctx, merge, {
    kind: "pr_creation_failed",
    message: `Its pull request could not be opened. ${message}`,
  });
}

function opened(ctx: Ctx, merge: MergeRow, pr: PullRequest): void {
  storeReading(ctx, merge, { pr, signals: null, logs: [], asked: { no: -1, at: 0 } });
  audit(ctx, {
    kind: "pr.created",
    subject: { type: "bead", id: merge.bead_id },
    beadId: merge.source_id,
    convoyId: merge.convoy_id,
    rigId: merge.rig_id,
    text: `${mergeTitle(ctx, merge)}: pull request ${pr.number} into ${merge.target}`,
    data: { url: pr.url, number: pr.number, provider: providerOf(ctx, merge), state: pr.state },
  });
  readAnew(ctx, merge);
}

/** Title and body: what it is, who made it with which model, and how its gates ended. */
export function pullRequestText(ctx: Ctx, merge: MergeRow): { title: string; body: string } {
  const source = ctx.sql.get<{ title: string; body: string; summary: string | null }>(
    "select title, body, summary from beads where id = ?",
    merge.source_id,
  );
  const title =
    merge.lands_convoy === 1 ? `Land ${source?.title ?? merge.branch}` : (source?.title ?? merge.branch);
  const facts = [
    `Bead: \`${shortId(merge.source_id)}\``,
    convoyFact(ctx, merge),
    agentFact(ctx, merge),
  ].filter((line) => line !== null);
  const parts = [
    (source?.summary ?? source?.body ?? "").slice(0, 8_000),
    facts.map((line) => `- ${line}`).join("\n"),
    gateTable(merge),
    "Opened by gastown. The town looks after this pull request: comments become work for its agents.",
  ];
  return { title: title.slice(0, 250), body: parts.filter((part) => part !== "").join("\n\n") };
}

function convoyFact(ctx: Ctx, merge: MergeRow): string | null {
  if (merge.convoy_id === null || merge.lands_convoy === 1) return null;
  const convoy = ctx.sql.get<{ title: string }>("select title from beads where id = ?", merge.convoy_id);
  return convoy ? `Convoy: ${convoy.title} (\`${shortId(merge.convoy_id)}\`)` : null;
}

function agentFact(ctx: Ctx, merge: MergeRow): string | null {
  const session = ctx.sql.get<{ name: string; runtime: string; model: string | null }>(
    `select a.name, s.runtime, s.model from sessions s join agents a on a.id = s.agent_id
     where s.bead_id = ? and s.role = 'polecat' order by s.started_at desc limit 1`,
    merge.source_id,
  );
  return session ? `Agent: ${session.name} (${session.model ?? session.runtime})` : null;
}

function gateTable(merge: MergeRow): string {
  const gates = merge.gates_head === merge.head_sha ? gatesOf(merge) : [];
  if (gates.length === 0) return "";
  const rows = gates.map((gate) => `| ${cell(gate.name)} | ${result(gate)} | ${seconds(gate.duration_ms)} |`);
  return ["| gate | result | time |", "| --- | --- | --- |", ...rows].join("\n");
}

const result = (gate: GateResult): string =>
  gate.exit_code === 0 ? "passed" : gate.exit_code === null ? "did not end" : `failed (${gate.exit_code})`;
const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("\n", " ");
