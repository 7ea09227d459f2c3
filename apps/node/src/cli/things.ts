import {
  agentShape,
  beadShape,
  convoyShape,
  escalationShape,
  GastownError,
  sessionShape,
  type Agent,
  type Bead,
  type Convoy,
  type Escalation,
  type Session,
} from "@gastown/protocol";
import type { Context } from "./context.ts";
import { CommandError, EXIT } from "./failure.ts";
import { choose, listOf } from "./target.ts";

/** As many as people are shown (spec/api.md §1.1). */
const RANDOM_CHARACTERS = 8;
const EVERY_STATUS = "open,in_progress,in_review,closed,failed";

/** A bead by id or by any unambiguous ending of it. */
export async function findBead(context: Context, townId: string, ref: string): Promise<Bead> {
  const api = await context.api();
  const ending = endingOf(ref);
  const found = await api.get(listOf(beadShape), `/api/towns/${townId}/beads`, {
    // The last characters are the random ones; what goes before them is compared here.
    idEnding: ending.slice(-RANDOM_CHARACTERS),
    status: EVERY_STATUS,
    limit: 10,
  });
  const items = found.items.filter((bead) => bead.id.endsWith(ending));
  const [one] = items;
  if (one === undefined)
    throw new GastownError("not_found", `There is no bead "${ref}". \`gastown bead list --all\` lists them.`);
  if (items.length > 1)
    throw new CommandError(
      EXIT.usage,
      "validation_failed",
      `"${ref}" could be ${items.map((bead) => `${bead.shortId} (${bead.title})`).join(", ")}. Give more of the id.`,
    );
  return one;
}

/** The part of an id that tells it from others, as it is stored. */
function endingOf(ref: string): string {
  const ending = ref.slice(ref.lastIndexOf("_") + 1).toUpperCase();
  if (!/^[0-9A-Z]{4,26}$/.test(ending))
    throw new CommandError(
      EXIT.usage,
      "validation_failed",
      `"${ref}" is not an id. Give a whole one or at least its last 4 characters.`,
    );
  return ending;
}

export async function findConvoy(context: Context, townId: string, ref: string): Promise<Convoy> {
  const api = await context.api();
  // Without a state the list holds those that are not finished.
  const states = [undefined, "landed", "failed", "closed"];
  const lists = await Promise.all(
    states.map((state) => api.get(listOf(convoyShape), `/api/towns/${townId}/convoys`, { state })),
  );
  return choose(
    "convoy",
    ref,
    lists.flatMap(({ items }) => items).map((convoy) => ({ ...convoy, name: convoy.title })),
  );
}

export async function findSession(context: Context, townId: string, ref: string): Promise<Session> {
  const api = await context.api();
  const { items } = await api.get(listOf(sessionShape), `/api/towns/${townId}/sessions`);
  const live = items.filter((session) => session.state !== "ended");
  // An agent's name means what it does now.
  const named = live.find((session) => session.agentName === ref);
  return named ?? choose("session", ref, items);
}

export async function findAgent(context: Context, townId: string, ref: string): Promise<Agent> {
  const api = await context.api();
  const { items } = await api.get(listOf(agentShape), `/api/towns/${townId}/agents`);
  const named = items.find((agent) => agent.name.toLowerCase() === ref.toLowerCase());
  return named ?? choose("agent", ref, items);
}

export async function findEscalation(context: Context, townId: string, ref: string): Promise<Escalation> {
  const api = await context.api();
  const { items } = await api.get(listOf(escalationShape), `/api/towns/${townId}/escalations`);
  return choose("escalation", ref, items);
}
