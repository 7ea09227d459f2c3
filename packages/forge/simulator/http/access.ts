/** Who asks, and what they may: the beginning of every route. */
import type { Context } from "hono";
import { syncPulls } from "../model/pulls.ts";
import type { Access, PullRequest, Repository, Token } from "../model/types.ts";
import { accessOf, allows, findRepository, findToken, type World } from "../model/world.ts";
import { ApiError, notFound } from "./api-error.ts";
import { spend } from "./limits.ts";

/** Whose API a path belongs to. */
export const forgeOf = (path: string): Repository["forge"] =>
  path.startsWith("/api/v4/") ? "gitlab" : "github";

/** The caller's token; without one that lives nothing is answered. */
export function callerOf(world: World, c: Context): Token {
  const header = c.req.header("authorization") ?? bearer(c.req.header("private-token"));
  const token = findToken(world, header);
  if (token === null) throw new ApiError(401, "Bad credentials");
  spend(token, forgeOf(c.req.path), world.clock.now());
  return token;
}

const bearer = (token: string | undefined): string | undefined =>
  token === undefined ? undefined : `Bearer ${token}`;

export interface Asked {
  readonly repository: Repository;
  readonly token: Token;
}

/**
 * Runs `then` with the repository, its pull requests brought up to date, while no other request is
 * at it. Who may not read it is told that there is none.
 */
export function inRepository(
  world: World,
  c: Context,
  at: { forge: Repository["forge"]; path: string; wanted?: Access },
  then: (asked: Asked) => Promise<Response> | Response,
): Promise<Response> {
  const token = callerOf(world, c);
  const repository = findRepository(world, at.forge, at.path);
  const access = repository === null ? null : accessOf(repository, token);
  if (repository === null || !allows(access, "read")) throw notFound();
  if (!allows(access, at.wanted ?? "read")) throw new ApiError(403, "Resource not accessible by this token");
  return repository.serial.run(async () => {
    await syncPulls(world, repository);
    return then({ repository, token });
  });
}

export function pullOf(repository: Repository, number: string): PullRequest {
  const pull = repository.pulls.find((one) => String(one.number) === number);
  if (pull === undefined) throw notFound();
  return pull;
}
