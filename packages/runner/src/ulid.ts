import { randomBytes } from "node:crypto";
import { ID_PREFIXES } from "@gastown/protocol";
import type { IdKind } from "@gastown/protocol";

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

function base32(value: bigint, length: number): string {
  let text = "";
  for (let rest = value, i = 0; i < length; i += 1, rest >>= 5n)
    text = (ALPHABET[Number(rest & 31n)] ?? "0") + text;
  return text;
}

/** A new id (spec/api.md §1.1). The runner makes only its own: instances. */
export function newId(kind: IdKind, now: number = Date.now()): string {
  const random = BigInt(`0x${randomBytes(10).toString("hex")}`);
  return `${ID_PREFIXES[kind]}_${base32(BigInt(now), 10)}${base32(random, 16)}`;
}
