/** Changes the settings of the town and of each rig (spec/town.md §7). */
import type { RigConfig, SecretChange, TownConfig } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import { namesOf, storeSecrets, TOWN_SCOPE } from "../credentials/store.ts";
import { wakeDispatchers } from "../dependents.ts";
import { lanesOpen } from "../reviews/lanes.ts";
import { askForSetup } from "../rigs/rigs.ts";
import type { Ctx } from "../kernel/context.ts";
import { toJson } from "../kernel/json.ts";
import { schedule } from "../kernel/schedule.ts";
import { storedConfig } from "./settings.ts";
import { mayorIsWanted } from "../mayor/wanted.ts";

export { rigConfig, settings, townConfig } from "./settings.ts";

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
  const version = storedConfig(ctx, scope).version + 1;
  ctx.sql.run("update town set config_version = config_version + 1 where id = 1");
  mayorIsWanted(ctx);
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
  for (const { id } of broken) askForSetup(ctx, id);
}
