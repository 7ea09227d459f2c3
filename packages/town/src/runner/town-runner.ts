/** The runner of a town, as its host sees it (spec/runner.md §1, §2; spec/town.md §5). */
import type {
  EventsAnswer,
  EventsRequest,
  HeartbeatAnswer,
  HeartbeatRequest,
  PermissionAnswer,
  PermissionAsked,
  PermissionWithdrawn,
} from "@gastown/protocol";
import { TOWN_ACTOR, type Ctx } from "../kernel/context.ts";
import { launchPlan } from "../sessions/launch.ts";
import type { LaunchPlan } from "../sessions/launch-types.ts";
import { askPermission, withdrawPermissions } from "../sessions/permissions.ts";
import { sessionRow } from "../sessions/session-row.ts";
import type { Actor } from "../town.ts";
import { townRow } from "../town-row.ts";
import { giveWay } from "./give-way.ts";
import { appendTranscript, registerRunner, runnerHeartbeat, type Registered } from "./register.ts";

export interface TownRunner {
  /** A newer instance: raises the runner's epoch and every live session's. */
  registerRunner(instanceId: string): Registered;
  runnerEpoch(): number;
  /** Its epoch where that instance is the newest; else null. */
  epochOf(instanceId: string): number | null;
  /** Renews leases. Throws `runner_fenced` for an older epoch. Token renewal is the server's. */
  heartbeat(epoch: number, request: HeartbeatRequest): HeartbeatAnswer;
  appendTranscript(epoch: number, request: EventsRequest): EventsAnswer;
  launchPlan(sessionId: string): LaunchPlan | null;
  /** An agent asks for permission. Throws `session_fenced` unless its session is live at that epoch. */
  askPermission(sessionId: string, asked: PermissionAsked): PermissionAnswer;
  /** Nobody waits for that answer any more. */
  withdrawPermission(sessionId: string, withdrawn: PermissionWithdrawn): void;
  /** Other towns wait for a place on its host. True: it lets its runner go now. */
  giveWay(): boolean;
}

interface Access {
  read: <T>(fn: (ctx: Ctx) => T) => T;
  write: <T>(actor: Actor, fn: (ctx: Ctx) => T) => T;
}

export function runnerMethods({ read, write }: Access): TownRunner {
  return {
    registerRunner: (instanceId) => write(TOWN_ACTOR, (ctx) => registerRunner(ctx, instanceId)),
    runnerEpoch: () => read((ctx) => townRow(ctx).runner_epoch),
    epochOf: (instanceId) =>
      read((ctx) => {
        const { runner_instance, runner_epoch } = townRow(ctx);
        return runner_instance === instanceId ? runner_epoch : null;
      }),
    heartbeat: (epoch, request) => write(TOWN_ACTOR, (ctx) => runnerHeartbeat(ctx, epoch, request)),
    appendTranscript: (epoch, request) => write(TOWN_ACTOR, (ctx) => appendTranscript(ctx, epoch, request)),
    launchPlan: (sessionId) =>
      read((ctx) => {
        const session = sessionRow(ctx, sessionId);
        return session ? launchPlan(ctx, session) : null;
      }),
    askPermission: (sessionId, asked) => write(TOWN_ACTOR, (ctx) => askPermission(ctx, sessionId, asked)),
    withdrawPermission: (sessionId, { request_id }) =>
      write(TOWN_ACTOR, (ctx) => withdrawPermissions(ctx, sessionId, request_id)),
    giveWay: () => write(TOWN_ACTOR, giveWay),
  };
}
