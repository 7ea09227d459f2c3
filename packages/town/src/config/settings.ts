/** Stored settings of the town and of each rig, and what holds (spec/town.md §7). */
import {
  effectiveConfig,
  rigConfig as rigConfigSchema,
  townConfig as townConfigSchema,
  type EffectiveConfig,
  type RigConfig,
  type TownConfig,
} from "@gastown/protocol";
import { TOWN_SCOPE } from "../credentials/store.ts";
import type { Ctx } from "../kernel/context.ts";
import { fromJson } from "../kernel/json.ts";
import type { Sql } from "../kernel/sql.ts";

export function storedConfig(ctx: Ctx, scope: string): { version: number; value: string | null } {
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
  const row = storedConfig(ctx, TOWN_SCOPE);
  return { version: row.version, config: fromJson(townConfigSchema, row.value) ?? {} };
}

export function rigConfig(ctx: Ctx, rigId: string): { version: number; config: RigConfig } {
  const row = storedConfig(ctx, rigId);
  return { version: row.version, config: fromJson(rigConfigSchema, row.value) ?? {} };
}

/** What the stored texts of each open town last meant: parsing them costs more than all else in a tick. */
const parsed = new WeakMap<Sql, Map<string, { of: string; effective: EffectiveConfig }>>();

/** What holds for a rig, or for the town where `rigId` is null. The same object until a setting changes. */
export function settings(ctx: Ctx, rigId: string | null): EffectiveConfig {
  const town = storedConfig(ctx, TOWN_SCOPE).value;
  const rig = rigId === null ? null : storedConfig(ctx, rigId).value;
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
