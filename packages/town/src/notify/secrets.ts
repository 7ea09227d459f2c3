/** Addresses of notifiers: each is a secret as a whole, sealed like a credential (spec/api.md §2.9). */
import type { NotifierSecret } from "@gastown/protocol";
import { settings } from "../config/settings.ts";
import { storeSealed } from "../credentials/store.ts";
import type { Ctx } from "../kernel/context.ts";

/** Their part of the table of secrets. */
const SCOPE = "notify";

export function sealedAddress(ctx: Ctx, notifierId: string): string | null {
  return (
    ctx.sql.get<{ sealed: string }>(
      "select sealed from secrets where scope = ? and key = ?",
      SCOPE,
      notifierId,
    )?.sealed ?? null
  );
}

/** Stores new ones, after the settings; what belongs to no notifier any more is forgotten. */
export function storeAddresses(ctx: Ctx, addresses: readonly NotifierSecret[]): void {
  for (const { id, sealed, masked } of addresses) storeSealed(ctx, SCOPE, { key: id, sealed, masked });
  const known = new Set(settings(ctx, null).notify.map(({ id }) => id));
  for (const { key } of ctx.sql.all<{ key: string }>("select key from secrets where scope = ?", SCOPE))
    if (!known.has(key)) ctx.sql.run("delete from secrets where scope = ? and key = ?", SCOPE, key);
}
