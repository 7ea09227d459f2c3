/** Which steps a turn takes: by role, kind of bead, attempt and round. Pure. */
import type { PrimeContext, Role } from "@gastown/protocol";
import { findScript, stepsOfRound, toSteps } from "./script.ts";
import type { ParseScript, Step } from "./script.ts";

export interface TurnInput {
  readonly prime: PrimeContext;
  /** Number of this turn in the session, from 1. */
  readonly turn: number;
  /** What was prompted. */
  readonly text: string;
  readonly parse: ParseScript;
  /** Parsed playbook of the mayor, or null. */
  readonly playbook: unknown;
}

export interface Plan {
  readonly steps: readonly Step[];
  /** Said first. */
  readonly intro: string;
  /** Whether gt_done is called when the steps themselves did not end the work. */
  readonly autoDone: boolean;
}

const step = (kind: string, args?: unknown): Step => ({ kind, args });

function plan(intro: string, steps: readonly Step[], autoDone = false): Plan {
  return { intro, steps, autoDone };
}

const planners: Readonly<Record<Role, (input: TurnInput) => Plan>> = {
  mayor: planMayor,
  refinery: (input) => (input.turn > 1 ? planLater(input) : planReview(input)),
  polecat: (input) => (input.turn > 1 ? planLater(input) : planWork(input)),
  triage: () => plan("I am a scripted agent: I cannot judge what is stuck. A person has to.", []),
};

export function planTurn(input: TurnInput): Plan {
  return planners[input.prime.role](input);
}

/** A later turn of a session: what was said to it, else the `later` section, else nothing. */
function planLater({ prime, text, parse }: TurnInput): Plan {
  const told = toSteps(findScript(text, parse)?.["steps"]);
  if (told !== null) return plan("You sent me a script; I follow it.", told);
  const later =
    findScript(prime.bead?.body, parse)?.["later"] ?? findScript(prime.source?.body, parse)?.["later"];
  return plan("My script has nothing more for me.", toSteps(later) ?? []);
}

function planWork({ prime, parse }: TurnInput): Plan {
  const { bead, source, review } = prime;
  if (bead === null) return plan("I have no bead, so I have nothing to do.", []);
  const own = findScript(bead.body, parse);
  if (bead.kind === "work") {
    const attempts = own?.["attempts"];
    const attempt = isRecord(attempts) ? toSteps(attempts[String(bead.attempt)]) : null;
    const steps = attempt ?? toSteps(own?.["steps"]);
    if (steps !== null)
      return plan(`I follow the script of "${bead.title}", attempt ${bead.attempt}.`, steps, true);
    return plan(`"${bead.title}" has no script, so I only leave a note.`, noteSteps(bead), true);
  }
  const round = review?.round ?? 1;
  const origin = findScript(source?.body, parse);
  const steps =
    stepsOfRound(own?.[bead.kind], round) ??
    toSteps(own?.["steps"]) ??
    stepsOfRound(origin?.[bead.kind], round);
  if (steps !== null) return plan(`I follow the script for ${bead.kind}, round ${round}.`, steps, true);
  if (bead.kind === "conflict") {
    return plan("I merge the target and keep both sides.", [step("merge_target")], true);
  }
  return plan(`There is no script for ${bead.kind}, so I only leave a note.`, noteSteps(bead), true);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function noteSteps(bead: { id: string; title: string }): Step[] {
  const path = `NOTES-${bead.id.slice(-8).toLowerCase()}.md`;
  return [
    step("append", { path, content: `- ${bead.title}\n` }),
    step("commit", `Note: ${bead.title}`.slice(0, 300)),
  ];
}

function planReview({ prime, parse }: TurnInput): Plan {
  const round = prime.review?.round ?? 1;
  const steps = stepsOfRound(findScript(prime.source?.body, parse)?.["review"], round);
  if (steps !== null) return plan(`I follow the script for review round ${round}.`, steps);
  return plan(`There is no script for review round ${round}.`, [
    step(
      "approve",
      `[scripted] Nobody read this change: a scripted agent approves by default (round ${round}).`,
    ),
  ]);
}

function planMayor({ text, parse, playbook }: TurnInput): Plan {
  const told = toSteps(findScript(text, parse)?.["steps"]);
  if (told !== null) return plan("You sent me a script; I follow it.", told);
  const mayor = isRecord(playbook) ? playbook["mayor"] : undefined;
  const steps = isRecord(mayor) ? toSteps(mayor["steps"]) : null;
  if (steps !== null) return plan("I follow my playbook.", steps);
  return plan(
    "I am a scripted agent: I cannot understand or plan. Send me a gastown-script block with steps, or choose another runtime for the mayor.",
    [],
  );
}
