import {
  diffQuery,
  GastownError,
  LOG_LIVE_HEADER,
  logQuery,
  PATCH_HEADERS,
  treeDiffQuery,
} from "@gastown/protocol";
import { Hono } from "hono";
import type { Context } from "hono";
import type { DiffAnswer, GitWorkspace } from "../git/index.ts";
import type { LogStore } from "../logs/log-store.ts";
import type { Registry } from "../sessions/registry.ts";
import type { SlotRecords } from "../sessions/slot-record.ts";
import { query } from "./json-body.ts";

export interface ReadingParts {
  readonly git: GitWorkspace;
  readonly registry: Registry;
  readonly logs: Pick<LogStore, "open" | "follow">;
  readonly slots: Pick<SlotRecords, "read">;
}

/** A person waits for it; a first fetch of a large repository is not waited for. */
const READ_MS = 55_000;

/** `/git/diff`, `/agents/:session/diff` and `/logs/:log`: what a page shows (spec/runner.md §1). */
export function readingRoutes({ git, registry, logs, slots }: ReadingParts): Hono {
  const app = new Hono();
  app.get("/git/diff", async (c) => {
    const wanted = query(c, diffQuery);
    return c.body(...said(await inTime(c, (signal) => git.diff(wanted, signal))));
  });
  app.get("/agents/:session/diff", async (c) => {
    const wanted = query(c, treeDiffQuery);
    const { id, request } = registry.get(c.req.param("session"));
    const record = slots.read(request.agent.id);
    const [tree] = record?.session_id === id ? record.worktrees : [];
    if (tree === undefined || request.rig === null)
      throw new GastownError("not_found", "This session has no worktree of a repository here.");
    const { dir, rig } = tree;
    return c.body(...said(await inTime(c, (signal) => git.treeDiff({ dir, rig, query: wanted, signal }))));
  });
  app.get("/logs/:log", async (c) => {
    const id = c.req.param("log");
    const wanted = query(c, logQuery);
    const log = await (wanted.follow === "true" ? logs.follow(id, c.req.raw.signal) : logs.open(id));
    if (log === null) throw new GastownError("not_found", "This log is not on this machine (any more).");
    return c.body(log.text, 200, {
      "content-type": TEXT,
      [LOG_LIVE_HEADER]: String(log.live),
      ...(log.size === null ? {} : { "content-length": String(log.size) }),
    });
  });
  return app;
}

const TEXT = "text/plain; charset=utf-8";

function said(answer: DiffAnswer): [string, 200, Record<string, string>] {
  if ("files" in answer) return [JSON.stringify(answer.files), 200, { "content-type": "application/json" }];
  const { base, head, text, truncated } = answer.patch;
  const headers = {
    "content-type": TEXT,
    [PATCH_HEADERS.base]: base,
    [PATCH_HEADERS.head]: head ?? "",
    [PATCH_HEADERS.truncated]: String(truncated),
  };
  return [text, 200, headers];
}

/** Whoever asked goes, or the time is over: git is ended. */
async function inTime<T>(c: Context, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const late = AbortSignal.timeout(READ_MS);
  try {
    return await work(AbortSignal.any([late, c.req.raw.signal]));
  } catch (thrown) {
    if (late.aborted) throw new GastownError("timeout", "The repository did not give it in time. Ask again.");
    throw thrown;
  }
}
