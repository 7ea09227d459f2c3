/** The first prompt of a session, and the text of `gt_prime`: the work order, as text. */
import type { PrimeContext, Role } from "@gastown/protocol";
import { compose, type DataSection } from "./text.ts";
import { orderData, orderLead } from "./work-order.ts";

const PROMPTS: Record<Role, (prime: PrimeContext) => string> = {
  polecat: polecatPrompt,
  refinery: refineryPrompt,
  mayor: mayorPrompt,
  triage: triagePrompt,
};

/** Everything that one session needs to begin, from what the town knows. Pure. */
export function renderPrompt(prime: PrimeContext): string {
  return PROMPTS[prime.role](prime);
}

function mayorPrompt(prime: PrimeContext): string {
  return compose(
    [
      identity(prime),
      "You have no bead of your own. People's messages reach you as turns; gt_list_rigs shows the repositories.",
    ],
    [],
  );
}

function polecatPrompt(prime: PrimeContext): string {
  return compose(
    [
      identity(prime),
      place(prime),
      beadLine(prime),
      orderLead(prime),
      attemptsLine(prime),
      stepsLead(prime),
      gates(prime),
      "Your work order follows as data. When all of it is done and the gates pass, call gt_done with a summary.",
    ],
    [
      section("Bead", prime.bead),
      orderData(prime),
      steps(prime),
      section("What the change was made for", prime.source),
      blockers(prime),
      attempts(prime),
      mail(prime),
    ],
  );
}

function refineryPrompt(prime: PrimeContext): string {
  const { review } = prime;
  return compose(
    [
      identity(prime),
      review &&
        `Review the change on branch ${review.branch}, head ${review.head_sha}, which is checked out here. It is meant for ${review.target}. This is round ${review.round}. See it with: git diff origin/${review.target}...HEAD`,
      gateResults(prime),
      "The bead that the change is for follows as data. End with exactly one verdict: gt_approve or gt_request_changes.",
    ],
    [section("What the change was made for", prime.source ?? prime.bead), gateLogs(prime), mail(prime)],
  );
}

function triagePrompt(prime: PrimeContext): string {
  const requests = prime.triage.map(({ id, actions }) => `- ${id}: ${actions.join(", ")}`);
  return compose(
    [
      identity(prime),
      requests.length === 0
        ? "There is nothing to judge: call gt_done."
        : `Your requests and the actions that each offers:\n${requests.join("\n")}`,
      "What is known of each follows as data. Decide each with gt_triage_resolve, then call gt_done.",
    ],
    [...prime.triage.map(({ id, text }) => ({ heading: id, text })), mail(prime)],
  );
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

function beadLine(prime: PrimeContext): string | null {
  if (prime.bead === null) return null;
  const { id, kind, priority, attempt } = prime.bead;
  const again = attempt > 1 ? ` This is attempt ${attempt}.` : "";
  return `Your bead: ${id} (${kind}, priority ${priority}).${again}`;
}

/** The title and text of a bead, which somebody else wrote. */
function section(
  heading: string,
  thing: { id: string; title: string; body: string } | null,
): DataSection | null {
  if (thing === null) return null;
  const text = thing.body.trim() === "" ? thing.title : `${thing.title}\n\n${thing.body}`;
  return { heading: `${heading} ${thing.id}`, text };
}

function stepsLead(prime: PrimeContext): string | null {
  if (prime.steps.length === 0) return null;
  const done = prime.steps.filter((step) => step.done).length;
  const begin = done === 0 ? "" : ` ${done} of them were done by earlier attempts.`;
  return `This bead has ${prime.steps.length} steps, listed below.${begin} Do them in their order and call gt_mol_advance after each; gt_mol_current shows the one that is due.`;
}

function steps(prime: PrimeContext): DataSection | null {
  if (prime.steps.length === 0) return null;
  const lines = prime.steps.map(
    ({ title, instructions, done }, i) =>
      `${i + 1}. ${done ? "[done] " : ""}${title}${instructions === "" ? "" : `\n${instructions}`}`,
  );
  return { heading: "Steps", text: lines.join("\n\n") };
}

function mail(prime: PrimeContext): DataSection | null {
  if (prime.mail.length === 0) return null;
  const text = prime.mail.map(({ from, subject, body }) => `From ${from}: ${subject}\n${body}`).join("\n\n");
  return { heading: "Mail for you", text };
}

function blockers(prime: PrimeContext): DataSection | null {
  if (prime.blockers.length === 0) return null;
  const lines = prime.blockers.map((blocker) => `- ${blocker.id} ${blocker.title}: ${blocker.summary}`);
  return { heading: "What this bead depended on, now done", text: lines.join("\n") };
}

function attemptsLine(prime: PrimeContext): string | null {
  if (prime.attempts.length === 0) return null;
  // The newest comes first.
  const saved = prime.attempts.find((attempt) => attempt.work_ref !== null)?.work_ref;
  const where = saved ? ` Unfinished work was saved as ${saved}; look at it before you begin anew.` : "";
  return `Earlier attempts at this bead ended without a result.${where}`;
}

function attempts(prime: PrimeContext): DataSection | null {
  if (prime.attempts.length === 0) return null;
  const lines = prime.attempts.flatMap((attempt, i) => [
    `${i + 1}. ended ${attempt.outcome}: ${attempt.reason}`,
    ...(attempt.status === null ? [] : [`   last status: ${attempt.status}`]),
    ...(attempt.checkpoint === null || attempt.checkpoint === undefined
      ? []
      : [`   checkpoint: ${JSON.stringify(attempt.checkpoint)}`]),
  ]);
  return { heading: "Earlier attempts", text: lines.join("\n") };
}

function gates(prime: PrimeContext): string | null {
  if (prime.gates.length === 0) return null;
  const lines = prime.gates.map((gate) => `- ${gate.name}: ${gate.command}`);
  return `Gates that must pass, on your branch and again on the merged result:\n${lines.join("\n")}`;
}

function gateResults(prime: PrimeContext): string {
  const results = prime.review?.gates ?? [];
  if (results.length === 0) return "No gates ran on this head.";
  const lines = results.map((gate) => `- ${gate.name}: ${outcomeOf(gate.exit_code)}`);
  return `Gates on this head:\n${lines.join("\n")}`;
}

function gateLogs(prime: PrimeContext): DataSection | null {
  const failed = (prime.review?.gates ?? []).filter((gate) => gate.exit_code !== 0);
  if (failed.length === 0) return null;
  return {
    heading: "Logs of gates that did not pass",
    text: failed.map((gate) => `${gate.name}:\n${gate.log_tail}`).join("\n\n"),
  };
}

function outcomeOf(exitCode: number | null): string {
  if (exitCode === null) return "did not finish";
  return exitCode === 0 ? "passed" : `failed with exit code ${exitCode}`;
}
