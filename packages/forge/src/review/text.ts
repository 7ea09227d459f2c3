/** What a forge says, made fit to be stored (packages/protocol/src/forge.ts). */

const MAX_BODY = 20_000;

/** Without NUL, and cut where it is longer than what is stored. */
export function commentBody(body: string): string {
  const clean = body.replaceAll("\0", "");
  return clean.length <= MAX_BODY ? clean : `${clean.slice(0, MAX_BODY - 1)}…`;
}

/** The end of a log: that is where a check says why it failed. */
export function logTail(log: string, maxChars = 16_000): string {
  const clean = log.replaceAll("\0", "").trimEnd();
  if (clean.length <= maxChars) return clean;
  const tail = clean.slice(-maxChars);
  return `…\n${tail.slice(tail.indexOf("\n") + 1)}`;
}
