/** When a provider will answer again, as its own words say it. Pure. */

const SECOND = 1_000;
const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND,
  m: 60 * SECOND,
  h: 3_600 * SECOND,
  d: 86_400 * SECOND,
};
/** What lies further ahead is not believed: it is a number that means something else. */
const LONGEST = 8 * 86_400 * SECOND;

/** A number with its unit: `6ms`, `1.5s`, `20 seconds`, `3 h`, `2 days`. */
const AMOUNT =
  /(\d+(?:\.\d+)?)\s*(ms|milliseconds?|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])/gi;
const IN_A_WHILE =
  /(?:try(?: again)?|retry|retrying|available|resets?|reset) (?:again )?(?:in|after):? *(?:about )?((?:\d+(?:\.\d+)?\s*[a-z]+[,\s]*(?:and )?)+)/i;
const HEADER = /retry-?after(-ms)?["']?\s*[:=]?\s*["']?(\d+(?:\.\d+)?)(?![\d.]*\s*[a-z-])/i;
/** `|1790000000`, as Claude Code ends its message, or `resets at 1790000000`. */
const EPOCH = /(?:\||resets? (?:at|on) )(\d{10}|\d{13})\b/i;
const ISO = /\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|UTC|[+-]\d\d:?\d\d)?/;
/** A time of day; the runtime means its own clock, which is this machine's, unless it says UTC. */
const OF_DAY =
  /(?:resets?(?: at)?|again at|available at|until) (\d{1,2})(?::(\d\d))?\s*([ap]m)?(?![\d:-])(\s*\(?UTC\)?)?/i;

/**
 * The provider's reset time (epoch ms) in `text`; null where it says none, or none that lies ahead.
 * `now` in epoch ms.
 */
export function resetTime(text: string, now: number): number | null {
  const candidates = [afterWhile(text, now), header(text, now), epoch(text), iso(text), ofDay(text, now)];
  return candidates.find((at) => at !== null && at >= now && at - now <= LONGEST) ?? null;
}

function afterWhile(text: string, now: number): number | null {
  const span = IN_A_WHILE.exec(text)?.[1];
  if (span === undefined) return null;
  const parts = [...span.matchAll(AMOUNT)].map(([, n, unit]) => Number(n) * unitOf(unit ?? ""));
  return parts.length === 0 ? null : now + Math.ceil(parts.reduce((sum, part) => sum + part, 0));
}

function unitOf(name: string): number {
  const lower = name.toLowerCase();
  const short = /^(?:ms|milliseconds?)$/.test(lower) ? "ms" : lower.slice(0, 1);
  return UNITS[short] ?? 0;
}

function header(text: string, now: number): number | null {
  const [, millis, amount] = HEADER.exec(text) ?? [];
  return amount === undefined ? null : now + Number(amount) * (millis === undefined ? SECOND : 1);
}

function epoch(text: string): number | null {
  const digits = EPOCH.exec(text)?.[1];
  return digits === undefined ? null : Number(digits) * (digits.length === 10 ? SECOND : 1);
}

function iso(text: string): number | null {
  const [, date, time, zone] = ISO.exec(text) ?? [];
  if (date === undefined || time === undefined) return null;
  const at = Date.parse(`${date}T${time}${zone === undefined || zone === "UTC" ? "Z" : zone}`);
  return Number.isNaN(at) ? null : at;
}

/** Its next occurrence. */
function ofDay(text: string, now: number): number | null {
  const [, hour, minute, half, zone] = OF_DAY.exec(text) ?? [];
  if (hour === undefined || (minute === undefined && half === undefined)) return null;
  const hours =
    half === undefined ? Number(hour) : (Number(hour) % 12) + (half.toLowerCase() === "pm" ? 12 : 0);
  if (hours > 23 || Number(minute ?? 0) > 59) return null;
  const at = new Date(now);
  if (zone === undefined) at.setHours(hours, Number(minute ?? 0), 0, 0);
  else at.setUTCHours(hours, Number(minute ?? 0), 0, 0);
  if (at.getTime() < now) at.setDate(at.getDate() + 1);
  return at.getTime();
}
