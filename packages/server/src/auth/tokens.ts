/**
 * Session and runner tokens: JWT, HS256, with the key's id (spec/api.md §2.5, §2.6). A signature
 * proves where a token comes from; whether it still counts is decided by the row that it names.
 */
import { GastownError, role, type Role } from "@gastown/protocol";
import { errors, jwtVerify, SignJWT, type JWTPayload, type JWTVerifyGetKey } from "jose";
import { z } from "zod";
import type { SigningKey } from "../ports.ts";

const ISSUER = "gastown";
const CLOCK_TOLERANCE_SECONDS = 30;
const HOUR_MS = 3_600_000;
export const SESSION_TOKEN_MS: number = 24 * HOUR_MS;
export const RUNNER_TOKEN_MS: number = 8 * HOUR_MS;
/** How long after its end a token of something live still counts where that is allowed. */
export const GRACE_MS: number = 24 * HOUR_MS;
/** The newest keys that verify. */
const VERIFYING_KEYS = 2;

export interface SessionToken {
  sessionId: string;
  townId: string;
  rigId: string | null;
  agentId: string;
  role: Role;
  epoch: number;
}
export interface RunnerToken {
  instanceId: string;
  townId: string;
  epoch: number;
}

/** A token whose signature, issuer and audience hold. `expired`: it needs grace to count. */
export interface Verified<T> {
  claims: T;
  /** Epoch milliseconds. */
  expiresAt: number;
  expired: boolean;
}

const common = { sub: z.string(), town: z.string(), epoch: z.int(), exp: z.number(), iat: z.number() };
const sessionPayload = z.object({ ...common, rig: z.string().nullable(), agent: z.string(), role });
const runnerPayload = z.object(common);

/** A new session token; `now` in epoch ms. */
export function signSessionToken(
  keys: readonly SigningKey[],
  token: SessionToken,
  now: number,
): Promise<string> {
  const payload = {
    town: token.townId,
    rig: token.rigId,
    agent: token.agentId,
    role: token.role,
    epoch: token.epoch,
    scope: ["mcp"],
  };
  return sign(keys, payload, {
    audience: "gastown:session",
    subject: token.sessionId,
    now,
    lifetimeMs: SESSION_TOKEN_MS,
  });
}

/** A new runner token and when it ends (epoch ms). */
export async function signRunnerToken(
  keys: readonly SigningKey[],
  token: RunnerToken,
  now: number,
): Promise<{ token: string; expiresAt: number }> {
  const payload = { town: token.townId, epoch: token.epoch, scope: ["runner"] };
  const signed = await sign(keys, payload, {
    audience: "gastown:runner",
    subject: token.instanceId,
    now,
    lifetimeMs: RUNNER_TOKEN_MS,
  });
  return { token: signed, expiresAt: now + RUNNER_TOKEN_MS };
}

/** Throws `token_invalid`. */
export async function verifySessionToken(
  keys: readonly SigningKey[],
  token: string,
  now: number,
): Promise<Verified<SessionToken>> {
  const { payload, expired } = await verify(keys, token, "gastown:session", now);
  const claims = parseOrRefuse(sessionPayload, payload);
  return {
    claims: {
      sessionId: claims.sub,
      townId: claims.town,
      rigId: claims.rig,
      agentId: claims.agent,
      role: claims.role,
      epoch: claims.epoch,
    },
    expiresAt: claims.exp * 1000,
    expired,
  };
}

/** Throws `token_invalid`. */
export async function verifyRunnerToken(
  keys: readonly SigningKey[],
  token: string,
  now: number,
): Promise<Verified<RunnerToken>> {
  const { payload, expired } = await verify(keys, token, "gastown:runner", now);
  const claims = parseOrRefuse(runnerPayload, payload);
  return {
    claims: { instanceId: claims.sub, townId: claims.town, epoch: claims.epoch },
    expiresAt: claims.exp * 1000,
    expired,
  };
}

/** Throws `token_expired` where a token is past its end and past the grace, if there is one. */
export function assertFresh(verified: Verified<unknown>, now: number, graceMs: number): void {
  if (!verified.expired || now <= verified.expiresAt + graceMs) return;
  throw new GastownError("token_expired", "This token is past its end. Ask for a new one.");
}

interface SignOptions {
  audience: string;
  subject: string;
  now: number;
  lifetimeMs: number;
}

function sign(keys: readonly SigningKey[], payload: JWTPayload, options: SignOptions): Promise<string> {
  const [key] = keys;
  if (key === undefined)
    throw new GastownError("not_ready", "The server has no signing key. Give it one and start again.");
  const iat = Math.floor(options.now / 1000);
  return new SignJWT(payload)
    .setProtectedHeader({ alg: "HS256", kid: key.kid })
    .setIssuer(ISSUER)
    .setAudience(options.audience)
    .setSubject(options.subject)
    .setIssuedAt(iat)
    .setExpirationTime(iat + options.lifetimeMs / 1000)
    .sign(key.secret);
}

interface Proved {
  payload: JWTPayload;
  expired: boolean;
}

/** A runner and its agents show the same few tokens with every call: a signature is checked once. */
const PROVED_TOKENS = 1_000;
const proved = new WeakMap<readonly SigningKey[], Map<string, JWTPayload>>();

/** With other keys everything is proved anew; whether a token is past its end is asked every time. */
async function verify(
  keys: readonly SigningKey[],
  token: string,
  audience: string,
  now: number,
): Promise<Proved> {
  const known = proved.get(keys) ?? new Map<string, JWTPayload>();
  proved.set(keys, known);
  const name = `${audience} ${token}`;
  const payload = known.get(name);
  if (payload !== undefined) return { payload, expired: isExpired(payload, now) };
  const found = await prove(keys, token, audience, now);
  for (const oldest of known.keys()) {
    if (known.size < PROVED_TOKENS) break;
    known.delete(oldest);
  }
  known.set(name, found.payload);
  return found;
}

function isExpired({ exp }: JWTPayload, now: number): boolean {
  return exp === undefined || exp <= Math.floor(now / 1000) - CLOCK_TOLERANCE_SECONDS;
}

async function prove(
  keys: readonly SigningKey[],
  token: string,
  audience: string,
  now: number,
): Promise<Proved> {
  const keyOf: JWTVerifyGetKey = (header) => {
    const key = keys.slice(0, VERIFYING_KEYS).find(({ kid }) => kid === header.kid);
    if (key === undefined) throw new errors.JWSSignatureVerificationFailed("unknown key");
    return key.secret;
  };
  try {
    const { payload } = await jwtVerify(token, keyOf, {
      algorithms: ["HS256"],
      issuer: ISSUER,
      audience,
      requiredClaims: ["sub", "iat", "exp"],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(now),
    });
    return { payload, expired: false };
  } catch (error) {
    // Expiry is looked at last, after signature, issuer and audience: these claims are proved.
    if (error instanceof errors.JWTExpired) return { payload: error.payload, expired: true };
    throw invalid();
  }
}

function parseOrRefuse<T>(schema: z.ZodType<T>, payload: JWTPayload): T {
  const parsed = schema.safeParse(payload);
  if (!parsed.success) throw invalid();
  return parsed.data;
}

const invalid = (): GastownError =>
  new GastownError("token_invalid", "This token is not one of ours, or not for this.");
