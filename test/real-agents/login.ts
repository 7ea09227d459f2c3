/** A person's own settings and login of an agent, as its own commands would leave them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentId } from "./install.ts";

/** A login of a person, which must reach nobody but the model. */
export const MODEL_KEY = "key-of-the-person-8d1f";

const MODEL = { tool_call: true, limit: { context: 100_000, output: 8_000 }, cost: { input: 1, output: 2 } };

/**
 * What a person has after adding a provider of their own: its settings in the agent's own file, its
 * key where the agent's login command keeps keys. gastown is told nothing of it.
 */
export function logIn(home: string, id: AgentId, baseURL: string): void {
  const settings = {
    model: "local/plain",
    small_model: "local/plain",
    enabled_providers: ["local"],
    provider: {
      local: {
        npm: "@ai-sdk/openai-compatible",
        name: "A model on this machine",
        options: { baseURL },
        models: Object.fromEntries(["plain", "coder", "small"].map((name) => [name, { ...MODEL, name }])),
      },
    },
  };
  write(join(home, ".config", id), `${id}.json`, settings);
  write(join(home, ".local", "share", id), "auth.json", { local: { type: "api", key: MODEL_KEY } });
}

/** Where an agent of that home looks, whatever the host's own variables say. */
export function homeEnv(home: string): Record<string, string> {
  return {
    HOME: home,
    XDG_CONFIG_HOME: join(home, ".config"),
    XDG_DATA_HOME: join(home, ".local", "share"),
    XDG_STATE_HOME: join(home, ".local", "state"),
    XDG_CACHE_HOME: join(home, ".cache"),
  };
}

function write(folder: string, name: string, value: unknown): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), JSON.stringify(value, null, 2), { mode: 0o600 });
}
