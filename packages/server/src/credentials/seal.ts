/**
 * Sealing of secrets with AES-GCM (spec/town.md §1). The key is the host's and never in a town's
 * database, so a copy of that alone gives nothing away. A sealed value is bound to its town and name:
 * moved to another place, it does not open.
 */
import { GastownError } from "@gastown/protocol";
import { base64url } from "../kernel/hash.ts";

/** One AES-256 key; the newest seals, all open. */
export interface SealingKey {
  kid: string;
  /** 32 bytes. */
  secret: Uint8Array;
}

/** Where a secret belongs. */
export interface SealPlace {
  townId: string;
  key: string;
}

const NONCE_BYTES = 12;
const FORMAT = "v1";
const encoder = new TextEncoder();

/** `v1.<key id>.<nonce>.<ciphertext>`. */
export async function seal(
  keys: readonly SealingKey[],
  randomBytes: (count: number) => Uint8Array,
  place: SealPlace,
  text: string,
): Promise<string> {
  const [newest] = keys;
  if (newest === undefined) throw new GastownError("not_ready", "This host has no key to seal secrets with.");
  const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
  const key = await imported(newest);
  const sealed = await crypto.subtle.encrypt(algorithm(nonce, place), key, encoder.encode(text));
  return [FORMAT, newest.kid, base64url(nonce), base64url(new Uint8Array(sealed))].join(".");
}

/** Undefined: sealed with a key that this host does not have, or changed since. */
export async function unseal(
  keys: readonly SealingKey[],
  place: SealPlace,
  sealed: string,
): Promise<string | undefined> {
  const [format, kid, nonce, content] = sealed.split(".");
  const known = keys.find((key) => key.kid === kid);
  if (format !== FORMAT || known === undefined || nonce === undefined || content === undefined)
    return undefined;
  try {
    const key = await imported(known);
    const opened = await crypto.subtle.decrypt(algorithm(bytesOf(nonce), place), key, bytesOf(content));
    return new TextDecoder().decode(opened);
  } catch {
    return undefined;
  }
}

const imported = ({ secret }: SealingKey): ReturnType<typeof crypto.subtle.importKey> =>
  crypto.subtle.importKey("raw", new Uint8Array(secret), "AES-GCM", false, ["encrypt", "decrypt"]);

const algorithm = (
  iv: Uint8Array<ArrayBuffer>,
  { townId, key }: SealPlace,
): { name: string; iv: Uint8Array<ArrayBuffer>; additionalData: Uint8Array<ArrayBuffer> } => ({
  name: "AES-GCM",
  iv,
  additionalData: encoder.encode(`${townId}/${key}`),
});

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}
