/** Who may have a forge's token, and the record that it was given (spec/api.md §3.16). */
import { GastownError, type GitTokenPurpose } from "@gastown/protocol";
import { audit } from "../audit/audit.ts";
import type { Ctx } from "../kernel/context.ts";
import { findRig } from "../rigs/rigs.ts";
import { sessionRow } from "../sessions/session-row.ts";
import { secretsOf, TOWN_SCOPE, type StoredSecret } from "./store.ts";

export interface TokenClaim {
  /** Null: the runner's own git. */
  session: { id: string; epoch: number } | null;
  /** Null: a url that is no rig yet, for the runner itself only. */
  rigId: string | null;
}

/** What a token is resolved from; everything sealed. */
export interface TokenGrounds {
  gitUrl: string | null;
  town: StoredSecret[];
  rig: StoredSecret[];
}

/**
 * Throws `session_fenced` unless the session is live at this epoch, `scope_mismatch` for another
 * rig than its own, `not_found` for a rig that is not there.
 */
export function tokenGrounds(ctx: Ctx, { session, rigId }: TokenClaim): TokenGrounds {
  if (session !== null) assertMay(ctx, session, rigId);
  const rig = rigId === null ? null : findRig(ctx, rigId);
  return {
    gitUrl: rig?.git_url ?? null,
    town: secretsOf(ctx, TOWN_SCOPE),
    rig: rig === null ? [] : secretsOf(ctx, rig.id),
  };
}

function assertMay(ctx: Ctx, { id, epoch }: { id: string; epoch: number }, rigId: string | null): void {
  const row = sessionRow(ctx, id);
  if (!row || row.epoch !== epoch || row.state === "ended")
    throw new GastownError("session_fenced", "This session is over: it gets no credential any more.");
  // The mayor belongs to no rig: it looks at all of the town's. Triage looks at none.
  const own = row.role === "mayor" ? rigId !== null : row.rig_id !== null && row.rig_id === rigId;
  if (!own) throw new GastownError("scope_mismatch", "A session gets the credential of its own rig only.");
}

export interface TokenIssue extends TokenClaim {
  purpose: GitTokenPurpose;
  host: string;
  /** Null: nothing in the chain gave one. */
  source: string | null;
  tried: readonly string[];
}

/** Never the token. */
export function tokenIssued(ctx: Ctx, issue: TokenIssue): void {
  const { session, rigId, purpose, host, source, tried } = issue;
  // It may have ended while its token was resolved.
  if (session !== null) assertMay(ctx, session, rigId);
  const whom = session === null ? "the runner" : "its session";
  audit(ctx, {
    kind: source === null ? "credential.failed" : "credential.resolved",
    subject: session === null ? { type: "town", id: ctx.townId } : { type: "session", id: session.id },
    rigId,
    sessionId: session?.id ?? null,
    text:
      source === null
        ? `No credential for ${host} (${purpose}): ${tried.join(", ")}`
        : `Credential for ${host} to ${whom} (${purpose}) from ${source}`,
    data: { purpose, host, source, tried: [...tried] },
  });
}
