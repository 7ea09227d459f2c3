/** Identifiers of things that belong to no town: requests, runner instances, towns (spec/api.md §1.1). */
import { ID_PREFIXES, type IdKind } from "@gastown/protocol";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** 26 characters of Crockford base 32: 10 of time (epoch ms), 16 of the 10 random bytes. */
export function ulid(now: number, random: Uint8Array): string {
  let time = "";
  for (let rest = now, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) {
    time = ALPHABET.charAt(rest % 32) + time;
  }
  let tail = "";
  let bits = 0;
  let held = 0;
  for (const byte of random.subarray(0, 10)) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      tail += ALPHABET.charAt((held >>> bits) & 31);
    }
    held &= (1 << bits) - 1;
  }
  return time + tail;
}

/** Makes ids of every kind from a clock and random bytes. */
export function makeId(kind: IdKind, now: number, randomBytes: (count: number) => Uint8Array): string {
  return `${ID_PREFIXES[kind]}_${ulid(now, randomBytes(10))}`;
}
