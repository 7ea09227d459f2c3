import type { PrimeContext } from "@gastown/protocol";

/** What a polecat on its first attempt is given; tests change what they are about. */
export function primeOf(changes: Partial<PrimeContext> = {}): PrimeContext {
  return {
    town_id: "town_00000000000000000000000001",
    session_id: "sess_00000000000000000000000001",
    role: "polecat",
    agent: { id: "agent_00000000000000000000000001", name: "Toast" },
    rig: { id: "rig_00000000000000000000000001", name: "web", default_branch: "main" },
    bead: {
      id: "bead_00000000000000000000000001",
      title: "Add a search box",
      body: "On the front page.",
      kind: "work",
      priority: "medium",
      attempt: 1,
    },
    source: null,
    branch: "gastown/toast/00000001",
    target: "main",
    review: null,
    work_order: null,
    blockers: [],
    attempts: [],
    gates: [],
    triage: [],
    steps: [],
    mail: [],
    instructions: "",
    ...changes,
  };
}
