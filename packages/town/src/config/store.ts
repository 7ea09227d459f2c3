/** Stored settings of the town and of each rig, and what holds (spec/town.md §7). */
import {
  effectiveConfig,
  rigConfig as rigConfigSchema,
  townConfig as townConfigSchema,
  type EffectiveConfig,
  type RigConfig,
  type SecretChange,
  type TownConfig,
} from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { namesOf, storeSecrets, TOWN_SCOPE } from "../credentials/store.ts";
import { wakeDispatchers } from "../dependents.ts";
import { lanesOpen } from "../reviews/lanes.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson, toJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import type { Sql } from "../kernel/sql.ts";

function stored(ctx: Ctx, scope: string): { version: number; value: string | null } {
  return (
    ctx.sql.get<{ version: number; value: string }>(
      "select version, value from config where scope = ?",
      scope,
    ) ?? {
      version: 0,
      value: null,
    }
  );
}

export function townConfig(ctx: Ctx): { version: number; config: TownConfig } {
  const row = stored(ctx, TOWN_SCOPE);
  return { version: row.version, config: fromJson(townConfigSchema, row.value) ?? {} };
}

export function rigConfig(ctx: Ctx, rigId: string): { version: number; config: RigConfig } {
  const row = stored(ctx, rigId);
  return { version: row.version, config: fromJson(rigConfigSchema, row.value) ?? {} };
}

/** What the stored texts of each open town last meant: parsing them costs more than all else in a tick. */
const parsed = new WeakMap<Sql, Map<string, { of: string; effective: EffectiveConfig }>>();

/** What holds for a rig, or for the town where `rigId` is null. The same object until a setting changes. */
export function settings(ctx: Ctx, rigId: string | null): EffectiveConfig {
  const town = stored(ctx, TOWN_SCOPE).value;
  const rig = rigId === null ? null : stored(ctx, rigId).value;
  const of = `${town ?? ""}\n${rig ?? ""}\n${ctx.fallbackRuntime}`;
  const known = parsed.get(ctx.sql) ?? new Map<string, { of: string; effective: EffectiveConfig }>();
  parsed.set(ctx.sql, known);
  const last = known.get(rigId ?? TOWN_SCOPE);
  if (last?.of === of) return last.effective;
  const effective = effectiveConfig(
    fromJson(townConfigSchema, town) ?? {},
    fromJson(rigConfigSchema, rig) ?? {},
    ctx.fallbackRuntime,
  );
  known.set(rigId ?? TOWN_SCOPE, { of, effective });
  return effective;
}

/** What keeps a bead from being ready may be a matter of a setting: each is decided anew. */
function wakeWaitingBeads(ctx: Ctx): void {
  for (const { id } of ctx.sql.all<{ id: string }>(
    "select id from beads where type = 'issue' and status = 'open' and ready = 0",
  ))
    schedule(ctx, "bead", id);
}

/** Credentials are stored beside it, sealed, and raise the same version. */
export function storeConfig(
  ctx: Ctx,
  rigId: string | null,
  config: TownConfig | RigConfig,
  secrets: readonly SecretChange[] = [],
): void {
  const scope = rigId ?? TOWN_SCOPE;
  const version = stored(ctx, scope).version + 1;
  ctx.sql.run(
    "update town set config_version = config_version + 1, mayor_asked_at = ? where id = 1",
    ctx.now,
  );
  ctx.sql.run(
    `insert into config (scope, version, value) values (?1, ?2, ?3)
     on conflict (scope) do update set version = ?2, value = ?3`,
    scope,
    version,
    toJson(config),
  );
  storeSecrets(ctx, scope, secrets);
  audit(ctx, {
    kind: "config.updated",
    subject: rigId ? { type: "rig", id: rigId } : { type: "town", id: ctx.townId },
    rigId,
    text: `Settings changed (version ${version})`,
    data: { keys: [...Object.keys(config), ...namesOf(secrets)], version },
  });
  if (secrets.length > 0) tryBrokenRigs(ctx);
  wakeDispatchers(ctx);
  wakeWaitingBeads(ctx);
  // What a target failed may not be asked of it any more.
  lanesOpen(ctx, rigId);
  // A shorter retention holds for what is there already.
  ctx.sql.run("update town set pruned_at = 0 where id = 1");
  schedule(ctx, "mayor", "mayor");
}

/** A credential is what most broken repositories wait for (spec/town.md §5). */
function tryBrokenRigs(ctx: Ctx): void {
  const broken = ctx.sql.all<{ id: string }>("select id from rigs where state = 'broken'");
  for (const { id } of broken) schedule(ctx, "rig", id);
}
