/** Which of the agents' tools only read, which end a session's work, and which may be called again. */
import { TOOLS, type ToolSpec } from "./tools.ts";

const specs: Readonly<Record<string, Omit<ToolSpec, "name">>> = TOOLS;

const OUTCOMES = new Set(["gt_done", "gt_approve", "gt_request_changes"]);
const READS = new Set([
  "gt_prime",
  "gt_bead_status",
  "gt_convoy_status",
  "gt_why",
  "gt_mol_current",
  "gt_pr_threads",
  "gt_gate_log",
]);
/**
 * The same words again leave what the first ones left: a line that is shown, a note that is kept, a reply
 * that is posted once, mail that counts as unread until another tool is called.
 */
const SAME_AGAIN = new Set(["gt_status", "gt_checkpoint", "gt_pr_reply", "gt_mail_check"]);

export const isReadOnly = (tool: string): boolean => READS.has(tool) || tool.startsWith("gt_list_");

/** The calls that an ended session may repeat, to read what was recorded. */
export const isOutcome = (tool: string): boolean => OUTCOMES.has(tool);

/**
 * Whether a call may be sent again when nobody knows what became of the first one. The town answers what
 * makes something from its first result for 10 minutes (spec/api.md §4.1) and an outcome from what was
 * recorded. The others (the reset of an agent, the retry of a bead, …) would meet what has come since.
 */
export function isRepeatable(tool: string): boolean {
  const makesSomething = Object.hasOwn(specs, tool) && specs[tool]?.makesSomething === true;
  return makesSomething || isReadOnly(tool) || isOutcome(tool) || SAME_AGAIN.has(tool);
}
