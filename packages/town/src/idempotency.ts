/** One answer per (principal, key), stored in the transaction of the change (spec/api.md §1.5). */
import { GastownError } from "@gastown/protocol";
import type { Ctx } from "./kernel/context.ts";
import type { StoredAnswer } from "./town.ts";

export function idempotent(
  ctx: Ctx,
  request: { principal: string; key: string; fingerprint: string },
  fn: () => StoredAnswer,
): StoredAnswer & { replayed: boolean } {
  const stored = ctx.sql.get<{ fingerprint: string; status: number; body: string }>(
    "select fingerprint, status, body from idempotency where principal = ? and key = ?",
    request.principal,
    request.key,
  );
  if (stored) {
    if (stored.fingerprint !== request.fingerprint) {
      throw new GastownError(
        "idempotency_key_reused",
        "This idempotency key was used for another request. Use a new key for a new intent.",
      );
    }
    return { status: stored.status, body: stored.body, replayed: true };
  }
  const answer = fn();
  ctx.sql.run(
    "insert into idempotency (principal, key, fingerprint, status, body, at) values (?, ?, ?, ?, ?, ?)",
    request.principal,
    request.key,
    request.fingerprint,
    answer.status,
    answer.body,
    ctx.now,
  );
  return { ...answer, replayed: false };
}
