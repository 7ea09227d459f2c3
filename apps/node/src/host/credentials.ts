import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { BootSecrets, SealingKey, SigningKey } from "@gastown/server";
import { z } from "zod";
import { GastownError } from "@gastown/protocol";
import type { DataDir } from "./data-dir.ts";
import { readPrivate, writePrivate } from "./private-file.ts";

const BOOT_SECRET_MS = 5 * 60_000;

/** A secret of 256 bits behind a prefix that log filters know. */
function newSecret(prefix: string): string {
  return prefix + randomBytes(32).toString("base64url");
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The token of the local user, made at the first start (spec/api.md §2.1). */
export function ensureLocalToken(dir: DataDir): void {
  if (readPrivate(dir.localToken) === undefined) writePrivate(dir.localToken, `${newSecret("gtl_")}\n`);
}

/** Undefined where no host has ever started on this directory. */
export function readLocalToken(dir: DataDir): string | undefined {
  return readPrivate(dir.localToken)?.trim() || undefined;
}

/** The hash of whatever token the file holds at this moment, so that a rotation counts at once. */
export function localTokenHash(dir: DataDir): () => string {
  let known = { token: "", hash: "" };
  return () => {
    const token = readLocalToken(dir) ?? "";
    // Without a token nothing may match, not even an empty credential.
    if (token === "") return "-";
    if (token !== known.token) known = { token, hash: sha256(token) };
    return known.hash;
  };
}

const storedKey = z.object({ kid: z.string().min(1), secret: z.string().min(40) });
const keysFile = z.object({
  keys: z.array(storedKey).min(1),
  /** What secrets of towns are sealed with; files of earlier versions have none. */
  sealing: z.array(storedKey).optional(),
});
type KeysFile = z.infer<typeof keysFile>;

export interface HostKeys {
  /** Sign sessions' and runners' tokens, newest first. */
  readonly signing: SigningKey[];
  /** Seal stored secrets, newest first. */
  readonly sealing: SealingKey[];
}

/** The keys of this host; the first start makes them, a later one adds what an earlier version lacked. */
export function ensureKeys(dir: DataDir): HostKeys {
  const stored = readPrivate(dir.keys);
  const known = stored === undefined ? { keys: [newKey()] } : parseKeys(dir, stored);
  const sealing = known.sealing ?? [newKey()];
  if (stored === undefined || known.sealing === undefined)
    writePrivate(dir.keys, `${JSON.stringify({ keys: known.keys, sealing }, null, 2)}\n`);
  return { signing: known.keys.map(decode), sealing: sealing.map(decode) };
}

const newKey = (): z.infer<typeof storedKey> => ({
  kid: randomBytes(6).toString("hex"),
  secret: randomBytes(32).toString("base64"),
});

function parseKeys(dir: DataDir, text: string): KeysFile {
  try {
    return keysFile.parse(JSON.parse(text));
  } catch {
    throw new GastownError(
      "not_ready",
      `${dir.keys} does not hold this host's keys. Put back its last good copy, or delete it: then new keys are made, running agents have to start again, and stored credentials have to be set again.`,
    );
  }
}

function decode(key: { kid: string; secret: string }): SigningKey {
  return { kid: key.kid, secret: new Uint8Array(Buffer.from(key.secret, "base64")) };
}

interface BootSecret {
  readonly townId: string;
  readonly hash: Buffer;
  readonly expiresAt: number;
  /** Who has used it; nobody else may. */
  usedBy: string | null;
}

/** One-use secrets for the runners that this process starts; kept hashed, in memory only. */
export class BootSecretStore implements BootSecrets {
  readonly #secrets: BootSecret[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  issue(townId: string): string {
    const secret = newSecret("gtb_");
    this.#forgetExpired();
    this.#secrets.push({
      townId,
      hash: digest(secret),
      expiresAt: this.#now() + BOOT_SECRET_MS,
      usedBy: null,
    });
    return secret;
  }

  consume(townId: string, secret: string, instanceId: string): boolean {
    this.#forgetExpired();
    const hash = digest(secret);
    const found = this.#secrets.find((one) => one.townId === townId && timingSafeEqual(one.hash, hash));
    if (found === undefined || (found.usedBy ?? instanceId) !== instanceId) return false;
    found.usedBy = instanceId;
    return true;
  }

  #forgetExpired(): void {
    const now = this.#now();
    const kept = this.#secrets.filter((one) => one.expiresAt > now);
    this.#secrets.splice(0, this.#secrets.length, ...kept);
  }
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
