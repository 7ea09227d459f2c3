/** Credentials of people in local mode (spec/api.md §2.1, §2.2): local token, cookie, login code. */
import { GastownError } from "@gastown/protocol";
import { getCookie } from "hono/cookie";
import type { AppContext, Principal } from "../http/env.ts";
import { base64url, sameDigest, sha256Hex } from "../kernel/hash.ts";
import type { ServerPorts } from "../ports.ts";

export const LOCAL_USER = { userId: "user_local", name: "You" } as const;
const LOGIN_CODE_MS = 600_000;
const LOCAL_TOKEN = /^gtl_[A-Za-z0-9_-]{20,128}$/;

export const cookieName = (ports: ServerPorts): string => `gastown_${ports.serverId}`;

/** The bearer credential of a request, or undefined. Throws `token_invalid` for another scheme. */
export function bearerOf(c: AppContext): string | undefined {
  const header = c.req.header("authorization");
  if (header === undefined) return undefined;
  const match = /^Bearer ([^\s]{1,4096})$/i.exec(header);
  if (match?.[1] === undefined) throw invalidToken();
  return match[1];
}

/** The person behind a request. Throws `unauthenticated`, `token_invalid`. */
export async function authenticateUser(ports: ServerPorts, c: AppContext): Promise<Principal> {
  const bearer = bearerOf(c);
  if (bearer !== undefined) {
    const known = LOCAL_TOKEN.test(bearer) && sameDigest(await sha256Hex(bearer), ports.localTokenHash());
    if (!known) throw invalidToken();
    return { kind: "user", ...LOCAL_USER, cookie: false };
  }
  const cookie = getCookie(c, cookieName(ports));
  if (cookie !== undefined && ports.store.touchBrowserSession(await sha256Hex(cookie), ports.now())) {
    return { kind: "user", ...LOCAL_USER, cookie: true };
  }
  throw new GastownError(
    "unauthenticated",
    "Sign in first: open a link made by `gastown token link`, or send the local token.",
  );
}

/** A one-use link whose fragment signs a browser in; the fragment never reaches a log. */
export async function createLoginLink(ports: ServerPorts): Promise<{ url: string; expiresAt: string }> {
  const code = base64url(ports.randomBytes(16));
  const expiresAt = ports.now() + LOGIN_CODE_MS;
  ports.store.putLoginCode(await sha256Hex(code), expiresAt);
  return { url: `${ports.publicUrl}/sign-in#code=${code}`, expiresAt: new Date(expiresAt).toISOString() };
}

/** Uses a login code up and returns the new browser session's secret. Throws `login_code_invalid`. */
export async function signIn(ports: ServerPorts, code: string): Promise<string> {
  if (!ports.store.takeLoginCode(await sha256Hex(code), ports.now())) {
    throw new GastownError(
      "login_code_invalid",
      "This link was used before, or is too old. Make a new one with `gastown token link`.",
    );
  }
  const secret = base64url(ports.randomBytes(32));
  ports.store.putBrowserSession(await sha256Hex(secret), ports.now());
  return secret;
}

const invalidToken = (): GastownError =>
  new GastownError("token_invalid", "This token is not known here. Check which server it is for.");
