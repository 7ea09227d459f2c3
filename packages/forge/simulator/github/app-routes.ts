/** Apps: a signed JWT is exchanged for the token of one installation, which lives an hour. */
import { verify } from "node:crypto";
import { type Context, Hono } from "hono";
import { z } from "zod";
import { ApiError, notFound } from "../http/api-error.ts";
import { addToken, type App, type World } from "../model/world.ts";
import { iso } from "./render.ts";

const HOUR_MS = 60 * 60_000;
const claims = z.object({
  iss: z.union([z.string(), z.number()]).transform(String),
  iat: z.number(),
  exp: z.number(),
});

const decoded = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));

/** The app whose key signed this, not longer than ten minutes ahead, as GitHub wants it. */
function appOf(world: World, c: Context): App {
  const jwt = c.req.header("authorization")?.replace(/^bearer /i, "") ?? "";
  const [head, payload, signature] = jwt.split(".");
  if (head === undefined || payload === undefined || signature === undefined)
    throw new ApiError(401, "A JSON web token could not be decoded");
  const { iss, iat, exp } = claims.parse(decoded(payload));
  const app = world.apps.find(({ id }) => String(id) === iss);
  const signed = Buffer.from(`${head}.${payload}`);
  const key = app?.publicKey ?? "";
  if (app === undefined || !verify("RSA-SHA256", signed, key, Buffer.from(signature, "base64url")))
    throw new ApiError(401, "Integration not found");
  const now = world.clock.now() / 1000;
  if (exp < now || iat > now + 60) throw new ApiError(401, "'Expiration time' claim is too far in the past");
  if (exp > now + 660) throw new ApiError(401, "'Expiration time' claim is too far in the future");
  return app;
}

export function appRoutes(world: World): Hono {
  const app = new Hono();
  app.get("/app", (c) => {
    const { id, slug } = appOf(world, c);
    return c.json({ id, slug, name: slug });
  });

  app.post("/app/installations/:id/access_tokens", (c) => {
    const found = appOf(world, c);
    const repositories = found.installations.get(Number(c.req.param("id")));
    if (repositories === undefined) throw notFound();
    const token = addToken(world, found.bot, { prefix: "ghs_", expiresInMs: HOUR_MS, repositories });
    const expires_at = iso(token.expiresAt ?? 0);
    return c.json({ token: token.token, expires_at, permissions: {}, repository_selection: "selected" }, 201);
  });

  app.get("/repos/:owner/:repo/installation", (c) => {
    const found = appOf(world, c);
    const path = `${c.req.param("owner")}/${c.req.param("repo")}`.toLowerCase();
    const repository = world.repositories.find((one) => one.path.toLowerCase() === path);
    const entry = [...found.installations].find(([, ids]) => ids.includes(repository?.id ?? -1));
    if (entry === undefined) throw notFound();
    return c.json({ id: entry[0], app_id: found.id });
  });
  return app;
}
