import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { GastownError } from "@gastown/protocol";
import { checkGit } from "@gastown/runner";
import { idMaker } from "@gastown/town";
import {
  createEffects,
  logFollower,
  sealStoredEnv,
  createForgeFor,
  createServer,
  refreshRunnerToken,
  sqlServerStore,
  type RunnerAddress,
  type RuntimeInfo,
  type ServerPorts,
} from "@gastown/server";
import {
  BootSecretStore,
  ensureLocalToken,
  ensureKeys,
  localTokenHash,
  readLocalToken,
} from "./credentials.ts";
import { machineClock, type HostClock } from "./clock.ts";
import { dataDir, prepareDataDir, type DataDir } from "./data-dir.ts";
import { findRunner, noteReportsTo } from "./find-runner.ts";
import type { RunnerTiming } from "../runner/runner-input.ts";
import { takeUpTowns } from "./found-towns.ts";
import { openHostDatabase, type HostDatabase } from "./host-database.ts";
import { removeHostRecord, writeHostRecord } from "./host-record.ts";
import { listen, upgradeWebSocket, type HttpServer } from "./http-server.ts";
import { processStart } from "./process-identity.ts";
import { Runners } from "./runners.ts";
import { isLoopback, loadSettings, type HostSettings, type SettingFlags } from "./settings.ts";
import { mailPort } from "./mail.ts";
import { createSink } from "./sink.ts";
import type { SelfCommand } from "./runner-process.ts";
import { Towns } from "./towns.ts";

export interface HostOptions {
  readonly dataDir: string;
  readonly flags: SettingFlags;
  readonly env: NodeJS.ProcessEnv;
  /** Whether people read the log on a terminal. */
  readonly terminal: boolean;
  /** A line for the log. */
  readonly writeLog: (line: string) => void;
  readonly version: string;
  readonly commit: string;
  readonly self: SelfCommand;
  /** Listening on more than this machine was asked for. */
  readonly insecureListen?: boolean;
  /** Reaches runners; the global `fetch` where it is left out. A test loses answers with it. */
  readonly fetch?: typeof fetch | undefined;
  /** Left out: the runner's own times. */
  readonly runnerTiming?: RunnerTiming | undefined;
  /** Left out: the machine's. */
  readonly clock?: HostClock | undefined;
  readonly listRuntimes: () => Promise<RuntimeInfo[]>;
  /** Which runtime towns get that name none, once it is known which are there. */
  readonly chooseRuntime: (wanted: string | undefined) => HostRuntime;
}

interface HostRuntime {
  readonly id: string;
  /** Nothing is installed: starts will be refused with what to install. */
  readonly missing: boolean;
}

export interface Host {
  /** Where it listens, and where people reach it. */
  readonly url: string;
  readonly dir: DataDir;
  readonly runtime: HostRuntime;
  createLoginLink(): Promise<{ url: string; expiresAt: string }>;
  /** Stops taking work, lets runners drain (or keeps them), flushes, frees the lock. */
  stop(options: { keepRunners: boolean; drainWaitMs: number }): Promise<void>;
}

/** Between a stop and the cutting of connections that are still open. */
const CLOSE_MS = 500;
/** For a runner that the town lets go because nothing is left to do. */
const DRAIN_WAIT_MS = 60_000;

/**
 * Starts a host: port, data directory, lock, secrets, towns, runners, in this order, so that what
 * is refused makes nothing; and takes back what it had when a later step fails. Throws `already_exists` where a host or another program is in the way.
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const git = await checkGit(options.env["PATH"]);
  if (!git.ok) throw new GastownError("not_ready", git.message);
  const dir = dataDir(options.dataDir);
  const settings = loadSettings(dir, options.env, options.flags, options.terminal);
  refuseOpenListen(settings, options.insecureListen === true);
  const runtime = options.chooseRuntime(settings.runtime);
  const http = await listenFor(dir, settings);
  let database: HostDatabase | undefined;
  try {
    prepareDataDir(options.dataDir);
    const isNew = !existsSync(dir.database);
    database = openHostDatabase(dir);
    if (isNew) takeUpTowns(dir, database, Date.now());
    return run({ ...options, dir, settings, database, http, runtime });
  } catch (error) {
    await http.close(0);
    database?.close();
    throw error;
  }
}

/** Where the port is taken by the host of this very directory, that is the better answer. */
async function listenFor(dir: DataDir, settings: HostSettings): Promise<HttpServer> {
  try {
    return await listen(settings.listen);
  } catch (error) {
    if (existsSync(dir.database)) openHostDatabase(dir).close();
    throw error;
  }
}

function refuseOpenListen(settings: HostSettings, insecure: boolean): void {
  if (isLoopback(settings.listen.host) || insecure) return;
  throw new GastownError(
    "forbidden",
    `Listening on ${settings.listen.host} lets other machines try the local token without encryption. Add --insecure-listen if that is what you want, or listen on 127.0.0.1.`,
  );
}

interface Parts extends HostOptions {
  readonly dir: DataDir;
  readonly settings: HostSettings;
  readonly database: HostDatabase;
  readonly http: HttpServer;
  readonly runtime: HostRuntime;
}

function run(parts: Parts): Host {
  const { dir, settings, database, http, version } = parts;
  const { now, monotonic, setTimer } = parts.clock ?? machineClock;
  const clock = { now, setTimer };
  const startedAt = now();
  const sink = createSink({
    level: settings.logLevel,
    format: settings.logFormat,
    write: parts.writeLog,
    now,
  });
  ensureLocalToken(dir);
  const bytes = (count: number): Uint8Array => new Uint8Array(randomBytes(count));
  const makeId = idMaker(now, () => bytes(16));
  const { signing: keys, sealing: sealingKeys } = ensureKeys(dir);
  const publicUrl = settings.publicUrl ?? reachable(http.url);
  const bootSecrets = new BootSecretStore(now);
  const runners = new Runners({
    dir,
    self: parts.self,
    env: parts.env,
    apiUrl: reachable(http.url),
    version,
    secrets: bootSecrets,
    sink,
    setTimer,
    drainWaitMs: DRAIN_WAIT_MS,
    ...(parts.runnerTiming === undefined ? {} : { timing: parts.runnerTiming }),
    find: findRunner,
    noteReportsTo,
    onLost: (townId, reason) => void reportLost(townId, reason),
    maxInstances: settings.maxInstances,
    onRoom: (townId) => void reportRoom(townId),
    onFound: (townId, address) => void refreshFound(townId, address),
    askToGiveWay: (townId) => askToGiveWay(townId),
  });
  const forges = forgesOf(settings);
  const forgeFor = createForgeFor({ ...clock, sink, sealingKeys, ...forges }, (townId) => towns.get(townId));
  const towns: Towns = new Towns({
    ...clock,
    dir,
    database,
    sink,
    version,
    monotonic,
    randomBytes: bytes,
    fallbackRuntime: parts.runtime.id,
    newTownId: () => makeId("town"),
    perform: createEffects({
      ...clock,
      runners,
      keys,
      publicUrl: reachable(http.url),
      forgeFor,
      sealingKeys,
      notifiers: { mail: mailPort },
      ...(parts.fetch === undefined ? {} : { fetch: parts.fetch }),
    }),
    followLog: logFollower({ runners, ...(parts.fetch === undefined ? {} : { fetch: parts.fetch }) }),
    beforeFirstOpen: (townId) => runners.adopt(townId),
    tidy: (actor) => sealStoredEnv({ sealingKeys, randomBytes: bytes }, actor),
    hasRunner: (townId) => runners.current(townId) !== null,
    retireRunner: (townId) => runners.retire(townId),
  });
  const reportLost = async (townId: string, reason: string): Promise<void> => {
    sink.log("warn", reason, { townId });
    try {
      const actor = await towns.get(townId);
      actor?.run((town) => town.post({ type: "runner_lost", epoch: town.runnerEpoch(), reason }));
    } catch (error) {
      // The town finds out by itself when heartbeats stay away.
      sink.log("error", "A town could not be told that its runner is gone.", { townId, error });
    }
  };
  const reportRoom = async (townId: string): Promise<void> => {
    try {
      const actor = await towns.get(townId);
      actor?.run((town) => town.post({ type: "runner_room" }));
    } catch (error) {
      // It asks again by itself.
      sink.log("error", "A town could not be told that there is room for its runner.", { townId, error });
    }
  };
  const refreshFound = async (townId: string, address: RunnerAddress): Promise<void> => {
    try {
      const actor = await towns.get(townId);
      if (actor !== undefined) await refreshRunnerToken({ keys, now: Date.now }, actor, address);
    } catch (error) {
      // Its next heartbeat renews it, as long as its key is known here.
      sink.log("warn", "A runner that was found got no new credential.", { townId, error });
    }
  };
  const askToGiveWay = async (townId: string): Promise<boolean> => {
    try {
      const actor = await towns.get(townId);
      return actor?.run((town) => town.giveWay()) ?? false;
    } catch (error) {
      sink.log("error", "A town could not be asked to give way.", { townId, error });
      return false;
    }
  };
  const ports: ServerPorts = {
    ...clock,
    randomBytes: bytes,
    sink,
    keys,
    sealingKeys,
    ...forges,
    forgeFor,
    notifiers: { mail: mailPort },
    localTokenHash: localTokenHash(dir),
    serverId: database.meta("server_id", () => randomBytes(6).toString("hex")),
    publicUrl,
    allowedHosts: settings.allowedHosts,
    version,
    commit: parts.commit,
    platform: "node",
    development: settings.development,
    startedAt,
    store: sqlServerStore(database.sql),
    towns,
    runners,
    bootSecrets,
    runtimes: { list: parts.listRuntimes },
    readiness: async () => [
      { name: "storage", ok: canRead(database) },
      { name: "local_token", ok: readLocalToken(dir) !== undefined },
    ],
    upgradeWebSocket,
  };
  const server = createServer(ports);
  http.answer((request, env) => server.app.fetch(request, env));
  writeHostRecord(dir, {
    pid: process.pid,
    start: processStart(process.pid) ?? "",
    url: publicUrl,
    version,
    startedAt: new Date(startedAt).toISOString(),
  });
  towns.start();
  return {
    url: publicUrl,
    dir,
    runtime: parts.runtime,
    createLoginLink: () => server.createLoginLink(),
    stop: async ({ keepRunners, drainWaitMs }) => {
      await runners.close(keepRunners ? "keep" : drainWaitMs);
      await towns.close();
      await http.close(CLOSE_MS);
      removeHostRecord(dir);
      database.close();
    },
  };
}

/** A GitHub of one's own answers git and API at one address. */
function forgesOf({ githubUrl }: HostSettings): Pick<ServerPorts, "forges"> {
  if (githubUrl === undefined) return {};
  const { host, origin } = new URL(githubUrl);
  return { forges: { github: { host, apiUrl: `${origin}/api/v3` } } };
}

function canRead(database: HostDatabase): boolean {
  try {
    database.wakes();
    return true;
  } catch {
    return false;
  }
}

/** An address that can be called: a wildcard one listens on loopback too. */
function reachable(url: string): string {
  return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:");
}
