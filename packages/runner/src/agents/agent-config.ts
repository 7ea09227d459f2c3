import type { LaunchInput } from "./launch-spec.ts";

type Json = Record<string, unknown>;

function parseObject(json: string | undefined): Json {
  if (json === undefined) return {};
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

const NO_SCREEN = { question: "deny", suggest: "deny", plan_enter: "deny", plan_exit: "deny" };

/** What only looks, and the town's own tools: to ask for these would ask for everything. */
const ASKS_NOT = ["read", "glob", "grep", "list", "todo*", "skill", "gastown_*"];

/** Without a rule the agent asks where it thinks it should. */
const RULES: Readonly<Record<LaunchInput["permission"], Json>> = {
  allow_in_worktree: { "*": "allow" },
  ask: { "*": "ask", ...Object.fromEntries(ASKS_NOT.map((tool) => [tool, "allow"])) },
  deny: {},
};

/** One agent mode per role, in an order that does not depend on whose session asks. */
function modesOf({ role, system, modes }: Pick<LaunchInput, "role" | "system" | "modes">): Json {
  const all = [...modes.filter((mode) => mode.role !== role), { role, system }];
  const sorted = all.toSorted((a, b) => (a.role < b.role ? -1 : 1));
  return Object.fromEntries(
    sorted.map((mode) => [
      mode.role,
      { mode: "primary", description: `The town's ${mode.role}.`, prompt: mode.system },
    ]),
  );
}

/**
 * Configuration of Kilo and OpenCode as JSON (spec/agents-facts.md §6): each role becomes an agent
 * mode with its own prompt, so that nothing is written into the worktree, and sessions of all roles
 * have one configuration and with it one process. What the host or an override had put there
 * (providers, say) stays below it.
 */
export function agentConfig(
  input: Pick<LaunchInput, "role" | "system" | "modes" | "smallModel" | "permission">,
  base: string | undefined,
): string {
  const given = parseObject(base);
  const agents = parseObject(JSON.stringify(given["agent"] ?? {}));
  const config: Json = {
    ...given,
    autoupdate: false,
    share: "disabled",
    agent: { ...agents, ...modesOf(input) },
  };
  // The last match counts, so the tools that wait for a person at the agent's own screen stay hidden:
  // nobody sits there.
  config["permission"] = { ...RULES[input.permission], ...NO_SCREEN };
  if (input.smallModel !== null) config["small_model"] = input.smallModel;
  return JSON.stringify(config);
}
