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

/**
 * Configuration of Kilo and OpenCode as JSON (spec/agents-facts.md §6): the role becomes an agent
 * mode with its own prompt, so that nothing is written into the worktree. What the host or an
 * override had put there (providers, say) stays below it.
 */
export function agentConfig(
  input: Pick<LaunchInput, "role" | "system" | "smallModel" | "permission">,
  base: string | undefined,
): string {
  const given = parseObject(base);
  const agents = parseObject(JSON.stringify(given["agent"] ?? {}));
  const config: Json = {
    ...given,
    autoupdate: false,
    share: "disabled",
    agent: {
      ...agents,
      [input.role]: { mode: "primary", description: `The town's ${input.role}.`, prompt: input.system },
    },
  };
  // Without this rule the agent asks, and every question is answered with a refusal.
  if (input.permission === "allow_in_worktree") config["permission"] = "allow";
  if (input.smallModel !== null) config["small_model"] = input.smallModel;
  return JSON.stringify(config);
}
