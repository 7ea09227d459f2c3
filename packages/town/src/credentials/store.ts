/**
 * Credentials as they are stored: sealed by the server before they come here, opened by it at the
 * moment of use (spec/town.md §1, spec/api.md §2.9). The engine can neither read nor show them.
 */
import type { CredentialKey, SecretChange } from "@gastown/protocol";
import type { Ctx } from "../kernel/context.ts";
import { iso } from "../kernel/iso.ts";
import type { Row } from "../kernel/sql.ts";

export interface StoredSecret {
  key: string;
  sealed: string;
  /** What readers see of it. */
  masked: string;
  /** ISO-8601. */
  changedAt: string;
  /** Who set it, for people. */
  changedBy: string;
}

/** Whose they are, where they are not a rig's. */
export const TOWN_SCOPE = "town";

type SecretRow = Row & {
  key: string;
  sealed: string;
  masked: string;
  changed_at: number;
  changed_by: string;
};

/** `scope`: a rig's id, or `town`. */
export function secretsOf(ctx: Ctx, scope: string): StoredSecret[] {
  return ctx.sql
    .all<SecretRow>(
      "select key, sealed, masked, changed_at, changed_by from secrets where scope = ? order by key",
      scope,
    )
    .map(({ key, sealed, masked, changed_at, changed_by }) => ({
      key,
      sealed,
      masked,
      changedAt: iso(changed_at),
      changedBy: changed_by,
    }));
}

export function storeSecrets(ctx: Ctx, scope: string, changes: readonly SecretChange[]): void {
  for (const { key, sealed, masked } of changes) {
    if (sealed === null) ctx.sql.run("delete from secrets where scope = ? and key = ?", scope, key);
    else storeSealed(ctx, scope, { key, sealed, masked });
  }
}

export function storeSealed(
  ctx: Ctx,
  scope: string,
  { key, sealed, masked }: { key: string; sealed: string; masked: string },
): void {
  ctx.sql.run(
    `insert into secrets (scope, key, sealed, masked, changed_at, changed_by) values (?1, ?2, ?3, ?4, ?5, ?6)
       on conflict (scope, key) do update set sealed = ?3, masked = ?4, changed_at = ?5, changed_by = ?6`,
    scope,
    key,
    sealed,
    masked,
    ctx.now,
    ctx.actor.name,
  );
}

export function forgetSecrets(ctx: Ctx, scope: string): void {
  ctx.sql.run("delete from secrets where scope = ?", scope);
}

/** Names only, for the audit. */
export function namesOf(changes: readonly { key: CredentialKey }[]): string[] {
  return changes.map(({ key }) => `credentials.${key}`);
}
