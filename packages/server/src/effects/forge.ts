/** What an answer of a forge means for an effect (spec/review.md §4.1). */
import type { Forge } from "@gastown/forge";
import type { ForgeError, ForgeKind, RigRef } from "@gastown/protocol";
import type { EffectAnswer } from "@gastown/town";
import type { EffectContext } from "./context.ts";

/** The hosting of one repository, with credentials that are resolved at each of its calls. */
export type ForgeFor = (townId: string, target: { rig: RigRef; forge: ForgeKind }) => Forge | Promise<Forge>;

/** Null: this host carries no forges, which reads as hosting without pull requests. */
export async function forgeOf(
  context: EffectContext,
  target: { rig: RigRef; forge: ForgeKind },
): Promise<Forge | null> {
  return (await context.forgeFor?.(context.townId, target)) ?? null;
}

export const NO_FORGE = {
  kind: "unsupported",
  what: "this gastown has no access to pull requests",
} as const;

/** An answer that is not understood may be a proxy's page or one that broke off: asked again a few times. */
const TRIES_NOT_UNDERSTOOD = 5;

/** How often in a row each effect was not understood: other failures are no part of it (spec/review.md §4.1). */
export class NotUnderstood {
  readonly #inRow = new Map<string, number>();

  /** With this one. */
  again(effectId: string): number {
    const count = (this.#inRow.get(effectId) ?? 0) + 1;
    this.#inRow.set(effectId, count);
    return count;
  }

  end(effectId: string): void {
    this.#inRow.delete(effectId);
  }
}

/** A failure that may be gone later is tried again; offline it does not count. Null: for good. */
export function retried(
  error: ForgeError,
  { effect, notUnderstood }: Pick<EffectContext, "effect" | "notUnderstood">,
): EffectAnswer | null {
  if (error.kind === "invalid_response") {
    return notUnderstood.again(effect.id) < TRIES_NOT_UNDERSTOOD
      ? { type: "retry", message: `The answer was not understood (${error.reason}).`, counted: true }
      : null;
  }
  notUnderstood.end(effect.id);
  if (error.kind !== "http_error" || !error.transient) return null;
  return {
    type: "retry",
    message: error.status === null ? error.status_text : `${error.status} ${error.status_text}`.trim(),
    counted: error.offline !== true,
    ...(error.retry_after_ms === undefined ? {} : { retryAfterMs: error.retry_after_ms }),
  };
}
