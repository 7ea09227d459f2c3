import type { Actor, SessionContext } from "@gastown/town";

/** An agent acts under its own name, taken from its session. */
export const actorOf = ({ agent }: SessionContext): Actor => ({
  kind: "agent",
  id: agent.id,
  name: agent.name,
});
