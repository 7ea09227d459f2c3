/** What a runner is made of, put together once per instance. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Pool } from "../agents/pool.ts";
import { Redactor } from "../agents/redact.ts";
import { Access } from "../broker/access.ts";
import { Heartbeats } from "../callbacks/heartbeats.ts";
import { Outbox } from "../callbacks/outbox.ts";
import { Sender } from "../callbacks/sender.ts";
import { TownClient } from "../callbacks/town-client.ts";
import { Effects } from "../control/effects.ts";
import type { GitWorkspace, GitWorkspaceOptions } from "../git/index.ts";
import { startThrough } from "../git/starter.ts";
import { Semaphore } from "../git/waiting.ts";
import { forgetQuestions } from "../sessions/ask.ts";
import { ModelGate } from "../models/model-gate.ts";
import { systemTimer, timingOf } from "../options.ts";
import { LogStore } from "../logs/log-store.ts";
import type { RunnerOptions, Timing } from "../options.ts";
import { MARKER } from "../processes/process-table.ts";
import { directoryMarker } from "../processes/reap.ts";
import { LaterSaves } from "../sessions/later-saves.ts";
import { Registry } from "../sessions/registry.ts";
import { SlotRecords } from "../sessions/slot-record.ts";
import { ToolRelay } from "../tools/relay.ts";
import { newId } from "../ulid.ts";

export interface Parts {
  /** Real path of the work directory. */
  readonly root: string;
  readonly instanceId: string;
  readonly bearer: string;
  readonly timing: Timing;
  readonly outbox: Outbox;
  readonly town: TownClient;
  readonly sender: Sender;
  readonly slots: SlotRecords;
  readonly laterSaves: LaterSaves;
  readonly pool: Pool;
  readonly tools: ToolRelay;
  readonly git: GitWorkspace;
  readonly logs: LogStore;
  readonly heartbeats: Heartbeats;
  readonly registry: Registry;
  readonly effects: Effects;
  readonly redactor: Redactor;
  readonly access: Access | null;
}

export type MakeGit = (options: GitWorkspaceOptions) => GitWorkspace;

export interface Alarms {
  /** A newer instance has taken over. */
  readonly onFenced: () => void;
  /** The town has not answered for very long. */
  readonly onLost: () => void;
}

export function makeParts(options: RunnerOptions, root: string, makeGit: MakeGit, alarms: Alarms): Parts {
  const instanceId = newId("runner");
  const bearer = randomBytes(32).toString("base64url");
  const { log } = options;
  const timing = timingOf(options);
  const redactor = new Redactor();
  redactor.add(bearer);
  const outbox = new Outbox(join(root, "outbox.db"));
  const town = new TownClient(options.apiUrl, options.townId, alarms.onFenced);
  const sender = new Sender(outbox, town, log);
  const slots = new SlotRecords(root);
  const logs = new LogStore(join(root, "logs"));
  const pool = new Pool({ root, instanceId, redactor, log, logs });
  // Gates and git carry the marker too, so that the next instance ends what this one leaves.
  const marker = { [MARKER]: `${directoryMarker(root)}.${instanceId}.git` };
  const gitEnv = { ...options.gitEnv, ...marker };
  const access = makeAccess(options, { root, town, redactor });
  forgetQuestions(root);
  // Gates and setups take a whole machine: two of them at once per runner (spec/runner.md §5).
  const heavyRuns = new Semaphore(2);
  const git = makeGit({
    root: join(root, "git"),
    log,
    gitEnv,
    ...(access === null ? {} : { access: access.grant }),
    allowLocal: options.allowLocal,
    logs,
    heavyRuns,
    ...(options.starter === undefined
      ? {}
      : {
          runChild: startThrough({ ...options.starter, env: marker }, () => log("git.starter_lost", {})),
        }),
  });
  const setTimer = options.setTimer ?? systemTimer;
  const tools = new ToolRelay({ setTimer });
  const { minuteMs } = timing;
  const proceed = (): void => registry.proceed();
  const models = new ModelGate({ minuteMs, setTimer, onChange: proceed });
  const heartbeats: Heartbeats = new Heartbeats({
    instanceId,
    everyMs: timing.heartbeatMs,
    town,
    log,
    draining: () => registry.draining,
    sessions: () => registry.views(),
    models,
    onVerdict: (sessionId, verdict, token, nudges) => registry.onVerdict(sessionId, verdict, token, nudges),
    onPermission: (sessionId, requestId, decision) => registry.onPermission(sessionId, requestId, decision),
    onAnswered: () => {
      sender.wake();
      registry.proceed();
    },
    onLost: alarms.onLost,
  });
  const hold = (agentId: string, work: Promise<unknown>): void => void registry.hold(agentId, work);
  const laterSaves = new LaterSaves({ git, slots, sender, log, setTimer, minuteMs, hold });
  const registry: Registry = new Registry({
    options: { ...options, root },
    timing,
    places: {
      path: options.hostEnv["PATH"] ?? "",
      scripted: options.scripted,
      overrides: options.runtimeOverrides ?? {},
    },
    git,
    pool,
    tools,
    access,
    redactor,
    outbox,
    sender,
    town,
    slots,
    laterSaves,
    pulse: heartbeats,
    models,
    proceed,
    checkpointMs: options.checkpointMs ?? null,
    setTimer,
    heavyRuns,
    logs,
    marker,
  });
  const effects = new Effects(sender, log);
  return {
    root,
    access,
    instanceId,
    bearer,
    timing,
    outbox,
    town,
    sender,
    slots,
    laterSaves,
    pool,
    tools,
    git,
    logs,
    heartbeats,
    registry,
    effects,
    redactor,
  };
}

function makeAccess(
  { shim, hostEnv, log }: RunnerOptions,
  { root, town, redactor }: { root: string; town: TownClient; redactor: Redactor },
): Access | null {
  if (shim === undefined) return null;
  const redact = (secret: string): void => redactor.addPassing(secret);
  return new Access({ root, shim, hostPath: hostEnv["PATH"], town, redact, log });
}
