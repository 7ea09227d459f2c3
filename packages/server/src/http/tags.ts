/** The eight log tags, read out of the path by the matched route's pattern (spec/api.md §1.8). */
const TAG_NAMES = [
  "orgId",
  "userId",
  "townId",
  "rigId",
  "agentId",
  "beadId",
  "convoyId",
  "sessionId",
] as const;
type TagName = (typeof TAG_NAMES)[number];
export type Tags = Partial<Record<TagName, string>>;

const LOOKS_LIKE_AN_ID = /^[A-Za-z0-9_-]{1,64}$/;
const names = new Set<string>(TAG_NAMES);
const isTagName = (name: string): name is TagName => names.has(name);

/** `/api/towns/:townId` and a path → `{townId}`. What does not look like an id is never logged. */
export function tagsOf(pattern: string, path: string): Tags {
  const tags: Tags = {};
  const parts = path.split("/");
  for (const [i, segment] of pattern.split("/").entries()) {
    const name = segment.startsWith(":") ? segment.slice(1) : "";
    const value = parts[i] ?? "";
    if (isTagName(name) && value !== "") tags[name] = LOOKS_LIKE_AN_ID.test(value) ? value : "invalid";
  }
  return tags;
}
