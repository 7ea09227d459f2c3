/** The launch spec of a session, and its place in a process of exactly that spec (spec/runner.md §3). */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { StartRequest } from "@gastown/protocol";
import { launchSpec, specKey } from "../agents/launch-spec.ts";
import type { LaunchSpec } from "../agents/launch-spec.ts";
import type { Lease } from "../agents/pool.ts";
import { resolveRuntime } from "../agents/resolve-runtime.ts";
import type { ResolvedRuntime } from "../agents/resolve-runtime.ts";
import { providerOf, type Provider } from "../models/provider-key.ts";
import type { SessionDeps } from "./deps.ts";

/** One function for starts, resumes, prewarms and changes: what is not in it cannot differ. */
function specOf(request: StartRequest, deps: SessionDeps, resolved: ResolvedRuntime): LaunchSpec {
  const { root, hostEnv, townId, apiUrl } = deps.options;
  const { settings } = request;
  for (const name of settings.secret_env ?? []) deps.redactor.add(settings.env[name] ?? "");
  return launchSpec({
    resolved,
    role: request.role,
    system: request.system,
    modes: request.modes ?? [],
    model: request.model,
    smallModel: request.small_model,
    permission: settings.permission,
    townEnv: settings.env,
    hostEnv,
    townId,
    apiUrl,
    shims: deps.access?.shims ?? null,
    cwd: join(root, "agents"),
  });
}

/** The key of the process that this session should be in, as its request stands now. */
export function wantedKey(request: StartRequest, deps: SessionDeps): string {
  return specKey(specOf(request, deps, resolveRuntime(request.runtime, deps.places)));
}

/** Who answers its model's requests, as its request stands now. */
export function providerOfRequest(request: StartRequest, deps: SessionDeps): Provider {
  const resolved = resolveRuntime(request.runtime, deps.places);
  return providerOf(specOf(request, deps, resolved), resolved.runtime, request.model);
}

export function acquire(request: StartRequest, deps: SessionDeps, resolved: ResolvedRuntime): Lease {
  const spec = specOf(request, deps, resolved);
  mkdirSync(spec.cwd, { recursive: true, mode: 0o700 });
  deps.redactor.add(request.mcp.token);
  const { sessions_per_process, process_idle_minutes } = request.settings;
  return deps.pool.acquire(spec, {
    sessionsPerProcess: sessions_per_process,
    idleMs: process_idle_minutes * deps.timing.minuteMs,
  });
}
