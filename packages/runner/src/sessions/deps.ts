import type { HeartbeatAnswer } from "@gastown/protocol";
import type { Pool } from "../agents/pool.ts";
import type { Redactor } from "../agents/redact.ts";
import type { RuntimePlaces } from "../agents/resolve-runtime.ts";
import type { Access } from "../broker/access.ts";
import type { Outbox } from "../callbacks/outbox.ts";
import type { Sender } from "../callbacks/sender.ts";
import type { TownClient } from "../callbacks/town-client.ts";
import type { GitWorkspace } from "../git/index.ts";
import type { Semaphore } from "../git/waiting.ts";
import type { LogStore } from "../logs/log-store.ts";
import type { ModelGate } from "../models/model-gate.ts";
import type { RunnerOptions, SetTimer, Timing } from "../options.ts";
import type { LaterSaves } from "./later-saves.ts";
import type { ToolRelay } from "../tools/relay.ts";
import type { SlotRecords } from "./slot-record.ts";

export type Verdict = HeartbeatAnswer["sessions"][number]["verdict"];

/** What sessions ask of heartbeats. */
interface Pulse {
  readonly mayBeginTurns: boolean;
  now(): Promise<void>;
  freshVerdict(sessionId: string, signal: AbortSignal): Promise<Verdict | null>;
}

/** What every session of a runner shares. */
export interface SessionDeps {
  readonly options: Pick<RunnerOptions, "root" | "hostEnv" | "townId" | "apiUrl" | "log">;
  readonly timing: Timing;
  readonly places: RuntimePlaces;
  readonly git: GitWorkspace;
  readonly pool: Pool;
  readonly tools: ToolRelay;
  /** Null: git and gh as the host has them. */
  readonly access: Access | null;
  readonly redactor: Redactor;
  readonly outbox: Outbox;
  readonly sender: Sender;
  readonly town: TownClient;
  readonly pulse: Pulse;
  readonly slots: SlotRecords;
  /** What could not be saved when its session ended. */
  readonly laterSaves: LaterSaves;
  /** Asks every session to go on where something that it may wait for has changed. */
  readonly proceed: () => void;
  /** Which model providers may be asked. */
  readonly models: ModelGate;
  /** How often the work of sessions that go on is saved, in milliseconds; null: at their end only. */
  readonly checkpointMs: number | null;
  readonly setTimer: SetTimer;
  /** Places for setup commands, shared with gates: each takes a whole machine. */
  readonly heavyRuns: Semaphore;
  readonly logs: LogStore;
  /** The marker variable of what this instance runs itself. */
  readonly marker: Readonly<Record<string, string>>;
}
