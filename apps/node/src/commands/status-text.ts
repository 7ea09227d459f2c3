import type { TownStatus } from "@gastown/protocol";
import { cut, type Output } from "../cli/output.ts";
import { budgetText } from "./cost-text.ts";

const LINES = 12;

/** The town in one screen: what flows, who works, what waits and why, what needs a person. */
export function statusText(out: Output, status: TownStatus): string {
  const { beads, merges, convoys, town, runner } = status;
  const lines = [
    `${out.style("bold", town.name)}${town.paused ? out.style("yellow", "  paused") : ""}  ${out.style("dim", town.id)}`,
    `Beads: ${beads.open} open (${beads.blocked} blocked, ${beads.held} held), ${beads.inProgress} in progress, ${beads.inReview} in review, ${beads.failed} failed`,
    `Merges: ${merges.queued} queued, ${merges.reviewing} in review, ${merges.landing} landing · Convoys: ${convoys.active} active, ${convoys.staged} staged, ${convoys.landing} landing`,
    `Mayor: ${status.mayor.status}${status.mayor.queued > 0 ? `, ${status.mayor.queued} messages wait` : ""}${status.mayor.reason === undefined ? "" : ` (${status.mayor.reason})`} · Runner: ${runnerText(runner)}`,
  ];
  if (status.breaker.open)
    lines.push(
      out.style(
        "yellow",
        `Breaker open: too many sessions failed, so nothing new starts${status.breaker.probeAt === undefined ? "; one is tried now" : ` until one is tried at ${status.breaker.probeAt}`}`,
      ),
    );
  if (status.budgets.length > 0)
    lines.push(`Budgets: ${status.budgets.map((one) => budgetText(one)).join(" · ")}`);
  section(
    lines,
    out,
    "Working",
    status.working.map(
      (one) => `${one.agent} (${one.role}): ${cut(one.title, 60)}  ${out.style("dim", one.status)}`,
    ),
  );
  section(
    lines,
    out,
    "Waiting",
    status.waiting.map((one) => `${cut(one.title, 60)}  ${out.style("dim", one.waitingOn.message)}`),
  );
  section(
    lines,
    out,
    "Needs you (`gastown escalations`)",
    status.needsYou.map((one) => out.style("yellow", one.title)),
  );
  return lines.join("\n");
}

function runnerText(runner: TownStatus["runner"]): string {
  if (!runner.connected) return "not running";
  return runner.draining ? "draining" : "running";
}

function section(lines: string[], out: Output, title: string, items: readonly string[]): void {
  if (items.length === 0) return;
  lines.push("", out.style("bold", title), ...items.slice(0, LINES).map((item) => `  ${item}`));
  if (items.length > LINES) lines.push(out.style("dim", `  and ${items.length - LINES} more`));
}
