import { Hono } from "hono";
import { resolveCommit } from "../git/bare.ts";
import { ApiError, notFound } from "../http/api-error.ts";
import { pageOf } from "../http/pages.ts";
import type { Check, Repository } from "../model/types.ts";
import type { World } from "../model/world.ts";
import { atRepository, originOf } from "./at.ts";
import { runJson, statusJson } from "./render.ts";

async function checksOf(
  repository: Repository,
  ref: string,
  kind: Check["kind"],
): Promise<{ sha: string; checks: Check[] }> {
  const sha = await resolveCommit(repository.dir, decodeURIComponent(ref));
  if (sha === null) throw new ApiError(422, `No commit found for SHA: ${ref}`);
  return { sha, checks: (repository.checks.get(sha) ?? []).filter((check) => check.kind === kind) };
}

function combined(checks: readonly Check[]): string {
  const states = checks.map((check) => (check.status === "completed" ? check.conclusion : "pending"));
  if (states.some((state) => state === "failure" || state === "error")) return "failure";
  return states.length === 0 || states.includes("pending") ? "pending" : "success";
}

export function checkRoutes(world: World): Hono {
  const app = new Hono();

  app.get("/repos/:owner/:repo/commits/:ref/check-runs", (c) =>
    atRepository(world, c, "read", async ({ repository }) => {
      const { sha, checks } = await checksOf(repository, c.req.param("ref"), "run");
      const page = pageOf(checks, c.req.url);
      const runs = page.items.map((check) => runJson(check, sha, originOf(c)));
      return c.json({ total_count: checks.length, check_runs: runs }, 200, page.headers);
    }),
  );

  app.get("/repos/:owner/:repo/commits/:ref/status", (c) =>
    atRepository(world, c, "read", async ({ repository }) => {
      const { sha, checks } = await checksOf(repository, c.req.param("ref"), "status");
      const page = pageOf(checks, c.req.url);
      const statuses = page.items.map((check) => statusJson(check, originOf(c)));
      const json = { state: combined(checks), sha, total_count: checks.length, statuses };
      return c.json(json, 200, page.headers);
    }),
  );

  /** GitHub sends to another host, which must not be given the token. */
  app.get("/repos/:owner/:repo/actions/jobs/:id/logs", (c) =>
    atRepository(world, c, "read", ({ repository }) => {
      const found = [...repository.checks.values()].flat().find(({ id }) => String(id) === c.req.param("id"));
      if (found === undefined || found.log === null) throw notFound();
      const blobs = new URL(c.req.url);
      blobs.hostname = "localhost";
      return c.redirect(`${blobs.origin}/api/v3/blobs/${found.id}`, 302);
    }),
  );

  app.get("/blobs/:id", (c) => {
    if (c.req.header("authorization") !== undefined)
      throw new ApiError(400, "a token was sent to a stranger");
    const all = world.repositories.flatMap((repository) => [...repository.checks.values()].flat());
    return c.text(all.find(({ id }) => String(id) === c.req.param("id"))?.log ?? "");
  });
  return app;
}
