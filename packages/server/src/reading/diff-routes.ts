/** What some work changes, as the runner reads it (spec/api.md §3.5). */
import {
  beadRange,
  diffFiles,
  diffShape,
  fileDiffShape,
  GastownError,
  limits,
  PATCH_HEADERS,
  type Diff,
} from "@gastown/protocol";
import type { DiffOf } from "@gastown/town";
import { z } from "zod";
import type { Endpoints } from "../http/endpoint.ts";
import { whole } from "../http/query.ts";
import type { ServerPorts } from "../ports.ts";
import { askRunner } from "../runner/ask.ts";
import type { TownActor } from "../towns/actor.ts";
import { TEXT, wantsText } from "./text.ts";

const bead = "/api/towns/{townId}/beads/{beadId}" as const;
const session = "/api/towns/{townId}/sessions/{sessionId}" as const;

const range = beadRange.default("branch");
const page = { limit: whole(1, 2_000).optional(), cursor: whole(0, 1_000_000).optional() };
const path = limits.text(1, 4_096);

/** Where the runner gives the difference: a path of its control server and what it is asked there. */
interface Source {
  path: string;
  query: Record<string, string>;
}

export function diffRoutes(on: Endpoints, ports: ServerPorts): void {
  on.view(
    {
      method: "get",
      path: `${bead}/diff`,
      operation: "beads.diff",
      summary:
        "What its work changes, file by file; with Accept: text/plain one unified diff of at most 16 MiB.",
      who: "viewer",
      query: z.strictObject({ range, ...page }),
      answer: diffShape,
    },
    ({ town, params, query, c }) => shown(ports, c, town, ofBead(town, params.beadId, query.range), query),
  );
  on.view(
    {
      method: "get",
      path: `${bead}/diff/file`,
      operation: "beads.diffFile",
      summary: "The same for one file: a unified diff of at most 1 MiB.",
      who: "viewer",
      query: z.strictObject({ range, path }),
      answer: fileDiffShape,
    },
    ({ town, params, query }) => file(ports, town, ofBead(town, params.beadId, query.range), query.path),
  );
  on.view(
    {
      method: "get",
      path: `${session}/diff`,
      operation: "sessions.diff",
      summary: "What it has changed so far: its working tree while it lives, then what it handed in.",
      who: "viewer",
      query: z.strictObject(page),
      answer: diffShape,
    },
    ({ town, params, query, c }) => shown(ports, c, town, ofSession(town, params.sessionId), query),
  );
  on.view(
    {
      method: "get",
      path: `${session}/diff/file`,
      operation: "sessions.diffFile",
      summary: "The same for one file: a unified diff of at most 1 MiB.",
      who: "viewer",
      query: z.strictObject({ path }),
      answer: fileDiffShape,
    },
    ({ town, params, query }) => file(ports, town, ofSession(town, params.sessionId), query.path),
  );
}

function ofBead(town: TownActor, beadId: string, wanted: string): Source {
  return between(town.read((open) => open.diffOfBead(beadId, wanted)));
}

function ofSession(town: TownActor, ref: string): Source {
  const { sessionId, of } = town.read((open) => open.diffOfSession(ref));
  return of === null ? { path: `/agents/${sessionId}/diff`, query: {} } : between(of);
}

function between({ rig, range: { base, head, from } }: DiffOf): Source {
  const { id, name, git_url, default_branch } = rig;
  return {
    path: "/git/diff",
    query: { rig_id: id, rig_name: name, git_url, default_branch, base, head, from },
  };
}

const ask = (
  ports: ServerPorts,
  town: TownActor,
  source: Source,
  more: Record<string, string>,
): Promise<Response> =>
  askRunner(ports, {
    townId: town.id,
    method: "GET",
    path: `${source.path}?${new URLSearchParams({ ...source.query, ...more }).toString()}`,
  });

interface Page {
  limit?: number | undefined;
  cursor?: number | undefined;
}

async function shown(
  ports: ServerPorts,
  c: Parameters<typeof wantsText>[0],
  town: TownActor,
  source: Source,
  { limit, cursor }: Page,
): Promise<Diff | Response> {
  if (wantsText(c)) {
    const patch = await ask(ports, town, source, { view: "patch" });
    const truncated = patch.headers.get(PATCH_HEADERS.truncated) ?? "false";
    return new Response(patch.body, { headers: { "content-type": TEXT, "x-truncated": truncated } });
  }
  const answer = await ask(ports, town, source, {
    view: "files",
    ...(limit === undefined ? {} : { limit: String(limit) }),
    ...(cursor === undefined ? {} : { after: String(cursor) }),
  });
  const parsed = diffFiles.safeParse(await answer.json());
  if (!parsed.success) throw new GastownError("runner_error", "The runner's answer was not understood.");
  const { base, head, stat, files, next } = parsed.data;
  const items = files.map(({ old_path, ...one }) => ({
    ...one,
    ...(old_path === undefined ? {} : { oldPath: old_path }),
  }));
  return { base, head, stat, items, nextCursor: next === null ? null : String(next) };
}

async function file(
  ports: ServerPorts,
  town: TownActor,
  source: Source,
  wanted: string,
): Promise<z.input<typeof fileDiffShape>> {
  const patch = await ask(ports, town, source, { view: "patch", path: wanted });
  const head = patch.headers.get(PATCH_HEADERS.head) ?? "";
  return {
    path: wanted,
    base: patch.headers.get(PATCH_HEADERS.base) ?? "",
    head: head === "" ? null : head,
    diff: await patch.text(),
    truncated: patch.headers.get(PATCH_HEADERS.truncated) === "true",
  };
}
