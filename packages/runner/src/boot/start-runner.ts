/**
 * Boot (spec/runner.md §2): lock, listen, write the runner file, end what an earlier instance left,
 * register, resume, save. The control server answers from the second step on, and a start that
 * arrives meanwhile waits for its own directory only, never for boot as a whole.
 */
import { randomBytes } from "node:crypto";
import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { HealthAnswer, RegisterAnswer } from "@gastown/protocol";
import { Pool } from "../agents/pool.ts";
import { Redactor } from "../agents/redact.ts";
import { Heartbeats } from "../callbacks/heartbeats.ts";
import { Outbox } from "../callbacks/outbox.ts";
import { Sender } from "../callbacks/sender.ts";
import { TownClient } from "../callbacks/town-client.ts";
import { Effects } from "../control/effects.ts";
import { controlApp, listen } from "../control/server.ts";
import type { Progress } from "../control/server.ts";
import { createGitWorkspace } from "../git/index.ts";
import type { GitWorkspace, GitWorkspaceOptions } from "../git/index.ts";
import { timingOf } from "../options.ts";
import type { RunnerOptions } from "../options.ts";
import { MARKER, processStartTime } from "../processes/process-table.ts";
import { directoryMarker, reapEarlier } from "../processes/reap.ts";
import type { SessionDeps } from "../sessions/deps.ts";
import { Registry } from "../sessions/registry.ts";
import { SlotRecords } from "../sessions/slot-record.ts";
import { newId } from "../ulid.ts";
import { drain } from "./drain.ts";
import type { DrainReason } from "./drain.ts";
import { saveLeftover } from "./leftovers.ts";
import { register } from "./register.ts";
import { removeRunnerFile, writeRunnerFile } from "./runner-file.ts";
import { lockWorkDirectory } from "./work-lock.ts";

export interface RunnerExit {
  readonly code: number;
  readonly reason: "drained" | "fenced" | "register_refused" | "failed";
}

export interface Runner {
  readonly url: string;
  readonly bearer: string;
  readonly instanceId: string;
  /** Resolves when it has left everything in order; the process may then end. */
  readonly exit: Promise<RunnerExit>;
  /** Resolves when every desired session was resumed or has ended. */
  readonly ready: Promise<void>;
  drain(reason: DrainReason, waitMs?: number): void;
  /** Ends every agent process at once, without saving anything. */
  kill(): void;
}

/** @throws GastownError `already_exists` when another runner holds the work directory */
export async function startRunner(
  options: RunnerOptions,
  makeGit: (options: GitWorkspaceOptions) => GitWorkspace = createGitWorkspace,
): Promise<Runner> {
  const unlock = lockWorkDirectory(options.root);
  const root = realpathSync(options.root);
  const instanceId = newId("runner");
  const bearer = randomBytes(32).toString("base64url");
  const { log } = options;
  const timing = timingOf(options);
  const redactor = new Redactor();
  redactor.add(bearer);
  const exit = Promise.withResolvers<RunnerExit>();
  const ready = Promise.withResolvers<void>();
  const ended = new AbortController();

  const outbox = new Outbox(join(root, "outbox.db"));
  const town = new TownClient(options.apiUrl, options.townId, () => leave("fenced"));
  const sender = new Sender(outbox, town, log);
  const slots = new SlotRecords(root);
  const pool = new Pool({ root, instanceId, redactor, log });
  const marker = `${directoryMarker(root)}.${instanceId}.git`;
  const git = makeGit({
    root: join(root, "git"),
    log,
    gitEnv: { ...options.gitEnv, [MARKER]: marker },
    allowLocal: options.allowLocal,
  });
  const heartbeats = new Heartbeats({
    instanceId,
    everyMs: timing.heartbeatMs,
    town,
    log,
    draining: () => registry.draining,
    sessions: () => registry.views(),
    onVerdict: (sessionId, verdict, token) => registry.onVerdict(sessionId, verdict, token),
    onAnswered: () => {
      sender.wake();
      registry.proceed();
    },
    onLost: () => leave("drained", "host", 0),
  });
  const deps: SessionDeps = {
    options: { ...options, root },
    timing,
    places: {
      path: options.hostEnv["PATH"] ?? "",
      scripted: options.scripted,
      overrides: options.runtimeOverrides ?? {},
    },
    git,
    pool,
    redactor,
    outbox,
    sender,
    town,
    pulse: heartbeats,
    slots,
  };
  const registry = new Registry(deps);
  const effects = new Effects(sender, log);

  let progress: Progress = { phase: "booting", done: 0, total: 0 };
  let epoch = 0;
  const startedAt = new Date().toISOString();
  const health = (): HealthAnswer => ({
    status: "ok",
    instance_id: instanceId,
    version: options.version,
    epoch,
    started_at: startedAt,
    draining: registry.draining,
    sessions: registry.live().length,
  });
  const control = await listen(
    controlApp({
      bearer,
      registry,
      effects,
      git,
      health,
      progress: () => (registry.draining ? { ...progress, phase: "draining" } : progress),
      drain: ({ reason, wait_ms }) => leave("drained", reason, wait_ms),
      log,
    }),
  );
  const startTime = processStartTime(process.pid) ?? "";
  const { url } = control;
  writeRunnerFile(root, {
    url,
    bearer,
    pid: process.pid,
    start_time: startTime,
    instance_id: instanceId,
    version: options.version,
  });

  let leaving: Promise<void> | null = null;
  function leave(reason: RunnerExit["reason"], why: DrainReason = "host", waitMs = 0): void {
    leaving ??= end(reason, why, waitMs).catch((thrown: unknown) => {
      log("runner.end_failed", { message: String(thrown) });
      exit.resolve({ code: 1, reason: "failed" });
    });
  }

  async function end(reason: RunnerExit["reason"], why: DrainReason, waitMs: number): Promise<void> {
    ended.abort(new Error("The runner ends."));
    if (reason === "drained") await drain({ registry, sender, town, log }, why, waitMs);
    else await abandon(registry);
    await effects.stop();
    heartbeats.stop();
    sender.stop();
    await pool.stop();
    await control.close();
    removeRunnerFile(root, instanceId);
    outbox.close();
    unlock();
    ready.resolve();
    exit.resolve({ code: reason === "drained" || reason === "fenced" ? 0 : 1, reason });
  }

  async function resume(answer: RegisterAnswer): Promise<void> {
    epoch = answer.epoch;
    town.useToken(answer.token);
    const desired = new Set(answer.desired.map(({ session_id }) => session_id));
    const left = slots.all().filter((record) => !record.saved && !desired.has(record.session_id));
    const wanted = new Set(answer.desired.map(({ agent }) => agent.id));
    progress = { phase: "resuming", done: 0, total: answer.desired.length };
    for (const request of answer.desired) startOne(request);
    const resumed = registry.live().map(async (session) => {
      await session.opened;
      progress = { ...progress, done: progress.done + 1 };
    });
    // A slot that is wanted again saves what was left itself, before it touches the directory.
    const saved = left
      .filter((record) => !wanted.has(record.agent_id))
      .map((record) => registry.hold(record.agent_id, saveLeftover({ git, slots, sender, log }, record)));
    await heartbeats.now();
    await Promise.all([...resumed, ...saved]);
    progress = { ...progress, phase: "ready" };
  }

  /** One failed resume is reported for that session and stops nobody else. */
  function startOne(request: RegisterAnswer["desired"][number]): void {
    try {
      registry.start(request);
    } catch (thrown) {
      registry.refuse(request, thrown);
    }
  }

  async function boot(): Promise<void> {
    const reaped = reapEarlier(root, instanceId);
    log("runner.booted", { instance_id: instanceId, url, reaped });
    const request = {
      instance_id: instanceId,
      version: options.version,
      pid: process.pid,
      control: { url, bearer },
    };
    const answer = await register(town, request, options.bootSecret, log, ended.signal);
    await resume(answer);
    ready.resolve();
  }

  void boot().catch((thrown: unknown) => {
    log("runner.boot_failed", { message: String(thrown) });
    leave("register_refused");
  });

  return {
    url,
    bearer,
    instanceId,
    exit: exit.promise,
    ready: ready.promise,
    drain: (reason, waitMs) => leave("drained", reason, waitMs ?? timing.drainWaitMs),
    kill: () => pool.kill(),
  };
}

/** Fenced: agents are stopped and their work is saved; the town takes no report any more. */
async function abandon(registry: Registry): Promise<void> {
  registry.drain();
  const sessions = registry.live();
  for (const session of sessions) {
    session.stop("now", { code: "runner_fenced", message: "A newer runner took over." }, "evicted");
  }
  await Promise.all(sessions.map((session) => session.gone));
}
