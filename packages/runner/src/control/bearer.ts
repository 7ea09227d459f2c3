import { createHash, timingSafeEqual } from "node:crypto";
import { GastownError } from "@gastown/protocol";
import type { MiddlewareHandler } from "hono";

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** Every route wants this instance's bearer; compared in constant time. */
export function requireBearer(bearer: string): MiddlewareHandler {
  const wanted = digest(bearer);
  return async (c, next) => {
    const header = c.req.header("authorization") ?? "";
    const given = /^Bearer (.+)$/.exec(header)?.[1] ?? "";
    if (given === "") throw new GastownError("unauthenticated", "This route wants the runner's bearer.");
    if (!timingSafeEqual(digest(given), wanted)) {
      throw new GastownError("token_invalid", "This is not the bearer of this runner instance.");
    }
    await next();
  };
}
