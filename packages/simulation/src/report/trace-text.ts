/** The end of a trace, and before it what concerns the things that the violation names. */
import type { Result } from "../simulate.ts";
import type { TraceEntry } from "../world/world.ts";

const ID = /[a-z]+_[0-9A-Z]{26}/g;
const NOISE = / tick: |heartbeat of /;

/** @param lines how many lines at most */
export function traceText(result: Result, lines = 60): string {
  const named = new Set(result.violation?.what.match(ID));
  const told = result.trace
    .map((entry, index) => ({ entry, index }))
    .filter(({ entry }) => !NOISE.test(` ${entry.text}`));
  const about = told.filter(({ entry }) => entry.text.startsWith("!") || mentions(entry, named));
  const chosen = new Set([...about.slice(-lines / 2), ...told.slice(-lines / 2)].map(({ index }) => index));
  return result.trace
    .flatMap((entry, index) => (chosen.has(index) ? [`${clock(entry.at)}  ${entry.text}`] : []))
    .join("\n");
}

function mentions(entry: TraceEntry, ids: ReadonlySet<string>): boolean {
  for (const id of ids) if (entry.text.includes(id)) return true;
  return false;
}

/** Days, hours, minutes, seconds of virtual time. */
function clock(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  const [s, m, h] = [seconds % 60, Math.floor(seconds / 60) % 60, Math.floor(seconds / 3_600)];
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${two(h)}:${two(m)}:${two(s)}.${String(ms % 1_000).padStart(3, "0")}`;
}
