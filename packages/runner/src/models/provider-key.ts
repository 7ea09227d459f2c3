/** Who answers a session's requests: a provider, and the credentials that it knows us by. */
import { createHash } from "node:crypto";
import type { LaunchSpec } from "../agents/launch-spec.ts";
import type { Runtime } from "../agents/runtimes.ts";

export interface Provider {
  /** Equal for whoever shares the provider's limits. Holds no secret, only a hash of them. */
  readonly key: string;
  /** For people: `anthropic`, or the runtime where that chooses by itself. */
  readonly name: string;
}

/**
 * The provider of a session that is launched so. Models are named `provider/model` where a runtime
 * speaks to several; else the runtime stands for its provider. Its login may be its own, so that two
 * runtimes are never taken for one.
 */
export function providerOf(spec: LaunchSpec, runtime: Runtime, model: string | null): Provider {
  const named = model?.includes("/") === true ? model.slice(0, model.indexOf("/")) : null;
  const credentials = Object.entries(spec.env)
    .filter(([name]) => name !== runtime.configVariable && runtime.env.some((rule) => matches(rule, name)))
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const hash = createHash("sha256").update(JSON.stringify(credentials)).digest("hex").slice(0, 16);
  return { key: `${runtime.id} ${named ?? ""} ${hash}`, name: named ?? runtime.title };
}

function matches(rule: string, name: string): boolean {
  return rule.endsWith("*") ? name.startsWith(rule.slice(0, -1)) : name === rule;
}
