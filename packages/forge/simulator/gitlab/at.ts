/** The project that a route's path names, by its encoded path or its number. */
import type { Context } from "hono";
import { type Asked, inRepository } from "../http/access.ts";
import type { Access } from "../model/types.ts";
import type { World } from "../model/world.ts";

export function atProject(
  world: World,
  c: Context,
  wanted: Access,
  then: (asked: Asked) => Promise<Response> | Response,
): Promise<Response> {
  const name = decodeURIComponent(c.req.param("id") ?? "");
  const numbered = world.repositories.find(({ id, forge }) => forge === "gitlab" && String(id) === name);
  return inRepository(world, c, { forge: "gitlab", path: numbered?.path ?? name, wanted }, then);
}

export const originOf = (c: Context): string => new URL(c.req.url).origin;
