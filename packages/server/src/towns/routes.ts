/** Towns: making, finding, pausing (spec/api.md §3.3). */
import {
  CLOSE_CODES,
  createTownBody,
  GastownError,
  idSchema,
  limits,
  townShape,
  townStatus,
  usageAnswer,
  usageQuery,
} from "@gastown/protocol";
import type { Actor, Town } from "@gastown/town";
import { z } from "zod";
import { LOCAL_USER } from "../auth/users.ts";
import type { Endpoints } from "../http/endpoint.ts";
import { complete, flag, listOf, noBody } from "../http/query.ts";
import type { TownActor } from "./actor.ts";
import type { ServerPorts, TownEntry } from "../ports.ts";

const owned = { ownerType: z.enum(["user", "org"]), ownerId: z.string(), createdBy: z.string() };
const townAnswer = townShape.extend(owned);
/** A town as it is told without waking it. */
const townEntry = z.object({ id: z.string(), name: z.string(), createdAt: z.string(), ...owned });
const pauseBody = z.strictObject({ reason: limits.note.optional(), stopSessions: z.boolean().optional() });

const owner = { ownerType: "user", ownerId: LOCAL_USER.userId, createdBy: LOCAL_USER.userId } as const;
const shown = (town: Town): z.input<typeof townAnswer> => ({ ...town.town(), ...owner });
const entryOf = ({ id, name, createdAt }: TownEntry): z.input<typeof townEntry> => ({
  id,
  name,
  createdAt,
  ...owner,
});

/** How long sessions may take to save their work before their runner is told to go. */
const SAVING_MS = 60_000;

/** Throws `has_live_work` unless forced; then nothing new starts and what lives is stopped. */
async function endWork(town: TownActor, force: boolean, actor: Actor, signal: AbortSignal): Promise<void> {
  const live = town.read((open) => open.sessions({ live: true }));
  if (live.length > 0 && !force)
    throw new GastownError(
      "has_live_work",
      `${live.length} session(s) work in this town. Stop them, or delete it with --force: their work is saved.`,
      { sessions: live.map(({ id }) => id) },
    );
  town.run((open) => {
    open.pause("the town is being deleted", actor);
    for (const { id } of live) open.stopSession(id, "now", "the town is being deleted", actor);
  });
  const over = (open: Town): true | undefined => open.sessions({ live: true }).length === 0 || undefined;
  await town.wait(over, SAVING_MS, signal);
  town.feed.closeAll(CLOSE_CODES.townDeleted, "This town is deleted.");
}

const line = z.looseObject({});
const importAnswer = townAnswer.extend({
  /** What no export holds, and what therefore has to be given again. */
  omitted: z.object({
    secrets: z.array(z.object({ scope: z.string(), key: z.string() })),
    env: z.record(z.string(), z.array(z.string())),
  }),
});

function historyRoutes(on: Endpoints, ports: ServerPorts): void {
  on.download(
    {
      method: "get",
      path: "/api/towns/{townId}/export",
      operation: "towns.export",
      summary: "The whole town as JSON lines, without secrets.",
      who: "owner",
      answer: line,
      lines: "answer",
    },
    async ({ town }) => ({ ...(await ports.towns.exported(town.id)), filename: `${town.id}.jsonl` }),
  );
  on.upload(
    {
      method: "post",
      path: "/api/users/{userId}/towns/import",
      operation: "towns.import",
      summary:
        "Makes a town of an export, whole or not at all: paused, its ids kept, nothing of its past sent again. An empty town of its id makes room for it, and so does the empty one that `into` names.",
      who: "user",
      query: z.strictObject({ into: idSchema("town").optional() }),
      body: line,
      lines: "body",
      status: 201,
      answer: importAnswer,
      location: ({ id }) => `/api/towns/${id}`,
    },
    async ({ query: { into } }, lines) => {
      if (into !== undefined && (await ports.towns.get(into)) === undefined)
        throw new GastownError("not_found", `There is no town ${into} to import into.`);
      const { town, header } = await ports.towns.imported(lines, into);
      return { ...town.read(shown), omitted: header.omitted };
    },
  );
}

export function townRoutes(on: Endpoints, ports: ServerPorts): void {
  historyRoutes(on, ports);
  const list = () => complete(ports.towns.list().map(entryOf));

  on.plain(
    {
      method: "post",
      path: "/api/users/{userId}/towns",
      operation: "towns.create",
      summary: "Makes a town.",
      who: "user",
      body: createTownBody,
      status: 201,
      answer: townAnswer,
      location: ({ id }) => `/api/towns/${id}`,
    },
    async ({ body }) => (await ports.towns.create(body.name)).read(shown),
  );
  on.plain(
    {
      method: "get",
      path: "/api/users/{userId}/towns",
      operation: "towns.listOwned",
      summary: "The towns of one user. Wakes none.",
      who: "user",
      answer: listOf(townEntry),
    },
    list,
  );
  on.plain(
    {
      method: "get",
      path: "/api/towns",
      operation: "towns.list",
      summary: "All towns that the caller may see. Wakes none.",
      who: "user",
      answer: listOf(townEntry),
    },
    list,
  );
  on.read(
    {
      method: "get",
      path: "/api/towns/{townId}",
      operation: "towns.get",
      summary: "One town.",
      who: "viewer",
      answer: townAnswer,
    },
    shown,
  );
  on.town(
    {
      method: "delete",
      path: "/api/towns/{townId}",
      operation: "towns.delete",
      summary: "Deletes a town: sessions are stopped with their work saved, then everything of it goes.",
      who: "owner",
      query: z.strictObject({ force: flag.optional() }),
      answer: z.object({ deleted: z.int() }),
    },
    async ({ town, query, actor, c }) => {
      await endWork(town, query.force === true, actor, c.req.raw.signal);
      await ports.towns.remove(town.id);
      return { deleted: 1 };
    },
  );
  on.read(
    {
      method: "get",
      path: "/api/towns/{townId}/status",
      operation: "towns.status",
      summary: "The town at a glance; the same object as the live snapshot.",
      who: "viewer",
      answer: townStatus,
    },
    (town) => town.status(),
  );
  on.read(
    {
      method: "get",
      path: "/api/towns/{townId}/usage",
      operation: "towns.usage",
      summary: "Tokens and money, by day, role, rig, convoy, bead or model; and how the budgets stand.",
      who: "viewer",
      query: usageQuery,
      answer: usageAnswer,
    },
    (town, { query }) => town.usage(query),
  );
  on.command(
    {
      method: "post",
      path: "/api/towns/{townId}/pause",
      operation: "towns.pause",
      summary: "Starts nothing new; with stopSessions live sessions are stopped and their work saved.",
      who: "member",
      body: pauseBody,
      answer: townAnswer,
    },
    (town, { body, actor }) => {
      const reason = body.reason ?? "";
      town.pause(reason, actor);
      if (body.stopSessions) {
        for (const { id } of town.sessions({ live: true })) town.stopSession(id, "now", reason, actor);
      }
      return shown(town);
    },
  );
  on.command(
    {
      method: "post",
      path: "/api/towns/{townId}/resume",
      operation: "towns.resume",
      summary: "Starts work again.",
      who: "member",
      body: noBody,
      answer: townAnswer,
    },
    (town, { actor }) => {
      town.resume(actor);
      return shown(town);
    },
  );
}
