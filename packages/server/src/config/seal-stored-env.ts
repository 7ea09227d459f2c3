import { GastownError, type RigConfig, type TownConfig } from "@gastown/protocol";
import type { Town } from "@gastown/town";
import type { ServerPorts } from "../ports.ts";
import type { TownActor } from "../towns/actor.ts";
import { isSecretEntry, sealedMask, sealValue } from "./env-secrets.ts";

const HOST = { kind: "town", id: "host", name: "host" } as const;

/**
 * Seals secrets among a town's variables that an earlier gastown stored in the clear. What a person changes
 * meanwhile stays as they said. Without a key to seal with, everything stays as it is.
 */
export async function sealStoredEnv(
  ports: Pick<ServerPorts, "sealingKeys" | "randomBytes">,
  actor: TownActor,
): Promise<void> {
  if (ports.sealingKeys.length === 0) return;
  const scopes = [null, ...actor.read((town) => town.rigs()).map(({ id }) => id)];
  for (const scope of scopes) {
    const stored = Object.entries(actor.read((town) => configOf(town, scope)).env ?? {});
    const clear = stored.filter(([name, value]) => sealedMask(value) === null && isSecretEntry(name, value));
    if (clear.length === 0) continue;
    const sealed = new Map<string, { of: string; sealed: string }>();
    for (const [name, value] of clear)
      sealed.set(name, { of: value, sealed: await sealValue(ports, actor.id, name, value) });
    actor.run((town) => store(town, scope, sealed));
  }
}

function configOf(town: Town, rigId: string | null): TownConfig | RigConfig {
  return rigId === null ? town.config().config : town.rigConfig(rigId).config;
}

function store(
  town: Town,
  rigId: string | null,
  sealed: ReadonlyMap<string, { of: string; sealed: string }>,
): void {
  try {
    const config = configOf(town, rigId);
    const env = Object.entries(config.env ?? {}).map(([name, value]) => {
      const found = sealed.get(name);
      return [name, found?.of === value ? found.sealed : value] as const;
    });
    const next = { ...config, env: Object.fromEntries(env) };
    if (rigId === null) town.setConfig(next, HOST);
    else town.setRigConfig(rigId, next, HOST);
  } catch (error) {
    // Its rig was removed meanwhile.
    if (!(error instanceof GastownError) || error.code !== "not_found") throw error;
  }
}
