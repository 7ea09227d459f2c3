/** Times leave the engine as ISO-8601 UTC with milliseconds (spec/api.md §1.1). */
export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
