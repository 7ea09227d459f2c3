/**
 * Secret values of `env` settings (spec/api.md §2.9): sealed before they are stored, shown as their mask, and
 * opened only in what leaves for the runner. A stored one is `sealed:<mask>:<sealed text>`.
 */
import { envMap, GastownError, limits, type FailureReason } from "@gastown/protocol";
import { seal, unseal, type SealingKey } from "../credentials/seal.ts";
import type { ServerPorts } from "../ports.ts";

type Env = Readonly<Record<string, string>>;

const STORED = /^sealed:(\*{4}.{0,4}):(v1\..+)$/s;
const ENV = "env.";

const SECRET_NAME = /token|secret|password|passwd|key|auth|credential|dsn|private/i;
// cspell:ignore pousr glpat abprs AKIA
const SECRET_VALUE =
  /^(gh[pousr]_|github_pat_|glpat-|gt[al]_|sk-|xox[abprs]-|AKIA[0-9A-Z]{16})|^eyJ[\w-]+\.[\w-]+\.|-----BEGIN [A-Z ]*PRIVATE KEY|^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i;
/** What a reader was shown and sends back. */
const MASKED = /^\*{4}.{0,4}$/;
/** Shorter secrets show nothing of themselves. */
const SHOWS_ENDING = 12;

export const isMasked = (value: unknown): boolean => typeof value === "string" && MASKED.test(value);

/** For every reader, owners included. */
export function mask(secret: string): string {
  return secret.length >= SHOWS_ENDING ? `****${secret.slice(-4)}` : "****";
}

/** The mask of a stored value; null: it lies there in the clear. */
export const sealedMask = (value: string): string | null => STORED.exec(value)?.[1] ?? null;

/** Whether a value in the clear is to be kept from readers. */
export function isSecretEntry(name: string, value: string): boolean {
  return value !== "" && (SECRET_NAME.test(name) || SECRET_VALUE.test(value) || value.startsWith("sealed:"));
}

/** Names of variables that a change says are secret: `$secret: ["env.NAME"]`. Throws `validation_failed`. */
export function flaggedNames(flags: readonly string[], env: unknown): ReadonlySet<string> {
  const sent = typeof env === "object" && env !== null ? Object.keys(env) : [];
  const wrong = flags.find((key) => !key.startsWith(ENV) || !sent.includes(key.slice(ENV.length)));
  if (wrong === undefined) return new Set(flags.map((key) => key.slice(ENV.length)));
  throw new GastownError(
    "validation_failed",
    `$secret: ${wrong} is no variable (env.NAME) whose value is sent with it. Credentials and notifiers are secret anyway.`,
  );
}

type SealPorts = Pick<ServerPorts, "sealingKeys" | "randomBytes">;

/**
 * `env` of a change with its secrets sealed. What is not valid stays as it is, and is refused with the rest;
 * what is too long throws `validation_failed`.
 */
export async function sealEnv(
  ports: SealPorts,
  townId: string,
  env: unknown,
  flagged: ReadonlySet<string>,
): Promise<unknown> {
  mustFit(env);
  const parsed = envMap.safeParse(env);
  if (!parsed.success) return env;
  const sealed = Object.entries(parsed.data).map(async ([name, value]): Promise<[string, string]> => {
    const wanted = !isMasked(value) && (flagged.has(name) || isSecretEntry(name, value));
    return [name, wanted ? await sealValue(ports, townId, name, value) : value];
  });
  return Object.fromEntries(await Promise.all(sealed));
}

/** Before anything is sealed: how long that is would say nothing to whoever sent it. */
function mustFit(env: unknown): void {
  if (typeof env !== "object" || env === null) return;
  for (const [name, value] of Object.entries(env)) {
    const bytes = typeof value === "string" ? limits.utf8Bytes(value) : 0;
    if (bytes <= limits.VALUE_BYTES) continue;
    const what = `${bytes} bytes of UTF-8; a variable may have ${limits.VALUE_BYTES}`;
    throw new GastownError("validation_failed", `${ENV}${name} has ${what}.`, {
      issues: [{ path: ["env", name], code: "too_big", message: `has ${what}` }],
    });
  }
}

/** As it is stored. */
export async function sealValue(
  ports: SealPorts,
  townId: string,
  name: string,
  value: string,
): Promise<string> {
  const place = { townId, key: `${ENV}${name}` };
  return `sealed:${mask(value)}:${await seal(ports.sealingKeys, ports.randomBytes, place, value)}`;
}

export interface OpenedEnv {
  env: Record<string, string>;
  /** Names of what was sealed: no reader of a transcript or a log is shown these either. */
  secret: string[];
  /** Sealed with a key that this host does not have; left out of `env`. */
  unreadable: string[];
}

/** As it is given to the runner, at the moment of use. */
export async function openEnv(keys: readonly SealingKey[], townId: string, stored: Env): Promise<OpenedEnv> {
  const opened: OpenedEnv = { env: {}, secret: [], unreadable: [] };
  for (const [name, value] of Object.entries(stored)) {
    const sealed = STORED.exec(value)?.[2];
    const text = sealed === undefined ? value : await unseal(keys, { townId, key: `${ENV}${name}` }, sealed);
    if (text === undefined) opened.unreadable.push(name);
    else opened.env[name] = text;
    if (text !== undefined && sealed !== undefined) opened.secret.push(name);
  }
  return opened;
}

/** Why nothing can begin with these settings; null: it can. */
export function unreadableReason({ unreadable }: OpenedEnv): FailureReason | null {
  if (unreadable.length === 0) return null;
  const names = unreadable.map((name) => `${ENV}${name}`).join(", ");
  return {
    code: "secret_unreadable",
    message: `${names}: sealed with a key that this host does not have.`,
    action: `Set it again: gastown config set ${ENV}${unreadable[0] ?? "NAME"}=-`,
  };
}
