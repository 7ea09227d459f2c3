/** What a request that got no answer died of (spec/review.md §4.1). */
import type { ForgeError, ForgeKind } from "@gastown/protocol";

const OFFLINE = new Set(["ENETUNREACH", "EAI_AGAIN"]);

/** The codes of all causes: one name may have been tried at several addresses. */
function codesOf(thrown: unknown, found: string[] = []): string[] {
  if (!(thrown instanceof Error)) return found;
  if (thrown instanceof AggregateError) {
    for (const one of thrown.errors) codesOf(one, found);
    return found;
  }
  if ("code" in thrown && typeof thrown.code === "string" && /^[A-Z_]{3,40}$/.test(thrown.code))
    found.push(thrown.code);
  return codesOf(thrown.cause, found);
}

/**
 * What a request died of; nothing of it names an address. `offline` where every address failed because
 * this machine has no route or no name lookup.
 */
export function connectionFailure(thrown: unknown): { code: string; offline: boolean } {
  const codes = codesOf(thrown);
  const offline = codes.length > 0 && codes.every((code) => OFFLINE.has(code));
  return { code: codes[0] ?? "network failure", offline };
}

/** A failure of the network as a transient error. */
export function networkError(provider: ForgeKind, thrown: unknown): ForgeError {
  const { code, offline } = connectionFailure(thrown);
  return {
    kind: "http_error",
    provider,
    status: null,
    status_text: code,
    transient: true,
    ...(offline ? { offline } : {}),
  };
}

export function timeoutError(provider: ForgeKind): ForgeError {
  return { kind: "http_error", provider, status: null, status_text: "timeout", transient: true };
}
