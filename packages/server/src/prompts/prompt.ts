/** The first prompt of a session, and the text of `gt_prime`: the work order, as text. */
import type { PrimeContext } from "@gastown/protocol";
import { dataBlock, joined } from "./text.ts";
import { workOrder } from "./work-order.ts";

/** Everything that one session needs to begin, from what the town knows. Pure. */
export function renderPrompt(prime: PrimeContext): string {
  switch (prime.role) {
    case "polecat":
      return polecatPrompt(prime);
    case "refinery":
      return refineryPrompt(prime);
    case "mayor":
      return mayorPrompt(prime);
    case "triage":
      return joined([identity(prime)]);
  }
}

function polecatPrompt(prime: PrimeContext): string {
  return joined([
    identity(prime),
    place(prime),
    workOrder(prime),
    bead(prime),
    blockers(prime),
    attempts(prime),
    gates(prime),
    "When all of it is done and the gates pass, call gt_done with a summary.",
  ]);
}

function refineryPrompt(prime: PrimeContext): string {
  const { review } = prime;
  return joined([
    identity(prime),
    review &&
      `Review the change on branch ${review.branch}, head ${review.head_sha}, which is checked out here. It is meant for ${review.target}. This is round ${review.round}. See it with: git diff ${review.target}...HEAD`,
    source(prime, "The change is for this bead."),
    gateResults(prime),
    "End with exactly one verdict: gt_approve or gt_request_changes.",
  ]);
}

function mayorPrompt(prime: PrimeContext): string {
  return joined([
    identity(prime),
    "You have no bead of your own. People's messages reach you as turns; gt_list_rigs shows the repositories.",
  ]);
}

function identity(prime: PrimeContext): string {
  const rig = prime.rig === null ? "" : ` in rig ${prime.rig.name}`;
  return `You are ${prime.agent.name}, ${prime.role}${rig}. Session ${prime.session_id}.`;
}

function place(prime: PrimeContext): string | null {
  if (prime.branch === null) return null;
  const target = prime.target === null ? "" : ` What you do is meant to land in ${prime.target}.`;
  return `You are in your own worktree, on branch ${prime.branch}.${target}`;
}

function bead(prime: PrimeContext): string | null {
  if (prime.bead === null) return null;
  const { id, kind, priority, attempt } = prime.bead;
  const again = attempt > 1 ? ` This is attempt ${attempt}.` : "";
  const own = joined([`Your bead: ${id} (${kind}, priority ${priority}).${again}`, dataBlock(titled(prime.bead))]);
  return prime.source === null ? own : joined([own, source(prime, "It belongs to a change that was made for this bead.")]);
}

function source(prime: PrimeContext, lead: string): string | null {
  return prime.source && joined([`${lead} ${prime.source.id}`, dataBlock(titled(prime.source))]);
}

function blockers(prime: PrimeContext): string | null {
  if (prime.blockers.length === 0) return null;
  const lines = prime.blockers.map((blocker) => `- ${blocker.id} ${blocker.title}: ${blocker.summary}`);
  return joined(["What your bead depended on is done.", dataBlock(lines.join("\n"))]);
}

function attempts(prime: PrimeContext): string | null {
  if (prime.attempts.length === 0) return null;
  const saved = prime.attempts.findLast((attempt) => attempt.work_ref !== null)?.work_ref;
  const lines = prime.attempts.map((attempt, i) =>
    [
      `${i + 1}. ended ${attempt.outcome}: ${attempt.reason}`,
      attempt.status === null ? "" : `   last status: ${attempt.status}`,
      attempt.checkpoint === null || attempt.checkpoint === undefined
        ? ""
        : `   checkpoint: ${JSON.stringify(attempt.checkpoint)}`,
    ]
      .filter((line) => line !== "")
      .join("\n"),
  );
  return joined([
    "Earlier attempts at this bead ended without a result.",
    saved && `Their unfinished work was saved as ${saved}; look at it before you begin anew.`,
    dataBlock(lines.join("\n")),
  ]);
}

function gates(prime: PrimeContext): string | null {
  if (prime.gates.length === 0) return null;
  const lines = prime.gates.map((gate) => `- ${gate.name}: ${gate.command}`);
  return `Gates that must pass, on your branch and again on the merged result:\n${lines.join("\n")}`;
}

function gateResults(prime: PrimeContext): string | null {
  const results = prime.review?.gates ?? [];
  if (results.length === 0) return "No gates are set for this rig.";
  const lines = results.map((gate) => `- ${gate.name}: ${outcomeOf(gate.exit_code)}`);
  const logs = results.filter((gate) => gate.exit_code !== 0).map((gate) => `${gate.name}:\n${gate.log_tail}`);
  return joined([`Gates on this head:\n${lines.join("\n")}`, logs.length > 0 && dataBlock(logs.join("\n\n"))]);
}

function outcomeOf(exitCode: number | null): string {
  if (exitCode === null) return "did not finish";
  return exitCode === 0 ? "passed" : `failed with exit code ${exitCode}`;
}

const titled = (thing: { title: string; body: string }): string =>
  thing.body.trim() === "" ? thing.title : `${thing.title}\n\n${thing.body}`;
