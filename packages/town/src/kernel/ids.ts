/** Makes ids: time-sortable ULIDs, monotonic within one maker (spec/api.md §1.1). */
import { ID_PREFIXES, type IdKind } from "@gastown/protocol";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const RANDOM_LENGTH = 16;

export type MakeId = (kind: IdKind) => string;

/** @param now epoch ms; @param random 16 bytes or more per call. */
export function idMaker(now: () => number, random: () => Uint8Array): MakeId {
  let lastTime = -1;
  let digits: number[] = [];
  return (kind) => {
    const time = now();
    if (time > lastTime) {
      lastTime = time;
      digits = freshDigits(random());
    } else {
      digits = increment(digits);
    }
    return `${ID_PREFIXES[kind]}_${encodeTime(lastTime)}${digits.map((d) => ALPHABET.charAt(d)).join("")}`;
  };
}

function freshDigits(bytes: Uint8Array): number[] {
  return Array.from({ length: RANDOM_LENGTH }, (_, i) => (bytes[i] ?? 0) & 31);
}

/** The next random part, so that two ids of one millisecond still sort in the order they were made. */
function increment(digits: number[]): number[] {
  const next = [...digits];
  for (let i = next.length - 1; i >= 0; i--) {
    const value = (next[i] ?? 0) + 1;
    next[i] = value & 31;
    if (value < 32) return next;
  }
  return next;
}

function encodeTime(time: number): string {
  let rest = time;
  let out = "";
  for (let i = 0; i < 10; i++) {
    out = ALPHABET.charAt(rest % 32) + out;
    rest = Math.floor(rest / 32);
  }
  return out;
}

/** When an id was made, in epoch ms; the id must be one of ours. */
export function timeOfId(id: string): number {
  const time = id.slice(id.indexOf("_") + 1).slice(0, 10);
  return Array.from(time).reduce((sum, letter) => sum * 32 + ALPHABET.indexOf(letter), 0);
}
