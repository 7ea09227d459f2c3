/** The repository that a route's path names, and the origin that urls begin with. */
import type { Context } from "hono";
import { type Asked, inRepository } from "../http/access.ts";
import type { Access } from "../model/types.ts";
import type { World } from "../model/world.ts";

export function atRepository(
  world: World,
  c: Context,
  wanted: Access,
  then: (asked: Asked) => Promise<Response> | Response,
): Promise<Response> {
  const path = `${c.req.param("owner") ?? ""}/${c.req.param("repo") ?? ""}`;
  return inRepository(world, c, { forge: "github", path, wanted }, then);
}

export const originOf = (c: Context): string => new URL(c.req.url).origin;
