/**
 * Everything that the server takes from its host. Node and Workers each implement these; nothing in
 * this package reads a clock, a file, the environment or a random source by itself.
 */
import type { SealingKey } from "./credentials/seal.ts";
import type { GitHubSite } from "@gastown/forge";
import type { ForgeFor } from "./effects/forge.ts";
import type { NotifyWays } from "./notify/send.ts";
import type { RunnerAddress, RunnerPort, RunnerWish } from "./runner/port.ts";
import type { ServerStore } from "./store/store.ts";
import type { TownDirectory } from "./towns/directory.ts";
import type { UpgradeWebSocket } from "hono/ws";

export type { RunnerAddress, RunnerPort, RunnerWish, ServerStore, TownDirectory };
export type { TownEntry } from "./towns/directory.ts";

/** One HS256 key; the newest signs, the newest two verify (spec/api.md §2.5). */
export interface SigningKey {
  kid: string;
  /** At least 32 bytes. */
  secret: Uint8Array;
}

export type { SealingKey } from "./credentials/seal.ts";

/** How the server reaches forges. */
export interface ForgePorts {
  /** The global `fetch` where it is left out. */
  fetch?: typeof fetch;
  /** github.com where it is left out. */
  github?: GitHubSite;
}

/** One-time secrets that the host hands to the runner processes that it starts. */
export interface BootSecrets {
  /**
   * True within 5 minutes of a secret's making, for its own town and for the first instance that
   * shows it: that may show it again, because the first answer may have been lost on its way.
   */
  consume(townId: string, secret: string, instanceId: string): boolean | Promise<boolean>;
}

/** One agent runtime as `GET /api/runtimes` tells it (spec/api.md §3.1). */
export interface RuntimeInfo {
  id: string;
  title: string;
  installed: boolean;
  version?: string | undefined;
  loggedIn: boolean;
  /** What is wrong with it and what to do, for a person. */
  problem?: string | undefined;
  models?: string[] | undefined;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Where events and log lines go. A sink that throws never fails what it was told about. */
export interface EventSink {
  /** Telemetry (spec/api.md §6.1): `event` is its name, the rest are its fields. No secrets. */
  event(event: ServerEvent): void;
  /** A line for the people who run the server; a defect carries its error. */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface ServerEvent {
  event: string;
  /** ISO-8601 with milliseconds. */
  at: string;
  [field: string]: unknown;
}

/** Clock and chance; also what an actor and the effects need. */
export interface ClockPorts {
  /** Wall clock in epoch milliseconds. */
  now: () => number;
  /** One-shot deadline; the returned function cancels it. Never keeps a process alive by itself. */
  setTimer: (delayMs: number, fn: () => void) => () => void;
}

export interface ServerPorts extends ClockPorts {
  randomBytes: (count: number) => Uint8Array;
  sink: EventSink;
  /** Newest first, at least one. */
  keys: readonly SigningKey[];
  /** What stored secrets are sealed with; the newest seals, all open. At least one. */
  sealingKeys: readonly SealingKey[];
  /** Forges; github.com by the global `fetch` where it is left out. */
  forges?: ForgePorts;
  /** A rig's hosting, by `createForgeFor` of the same ports. */
  forgeFor: ForgeFor;
  /** How notifiers are reached; by the global `fetch`, and not by mail, where it is left out. */
  notifiers?: NotifyWays;
  /** Lower-case hex SHA-256 of the local token (`gtl_…`); read at each use, so a rotation counts. */
  localTokenHash(): string;
  /** Names the cookie: cookies do not know ports. `[a-z0-9]{1,32}`. */
  serverId: string;
  /** Where browsers, agents and runners reach this server, without a trailing slash. */
  publicUrl: string;
  /** Names besides loopback and `publicUrl`'s that `Host` may carry, without port. */
  allowedHosts: readonly string[];
  version: string;
  commit: string;
  platform: "node" | "workers";
  development: boolean;
  /** Wall clock at which the host began, in epoch milliseconds. */
  startedAt: number;
  store: ServerStore;
  towns: TownDirectory;
  runners: RunnerPort;
  bootSecrets: BootSecrets;
  runtimes: { list(): Promise<RuntimeInfo[]> };
  /** Named parts of `/ready`; every one must hold. */
  readiness?: () => Promise<{ name: string; ok: boolean; detail?: string }[]>;
  /** Reaches runners; the global `fetch` where it is left out. */
  fetch?: typeof fetch;
  /** The host's WebSocket upgrade; without it `T/live` answers 426. */
  // oxlint-disable-next-line typescript/no-explicit-any -- the socket's type is the host's own
  upgradeWebSocket?: UpgradeWebSocket<any>;
  /** Answers what no route does (the page's files); undefined: 404. Never asked below `/api`. */
  pages?: (request: Request) => Promise<Response | undefined> | Response | undefined;
}
