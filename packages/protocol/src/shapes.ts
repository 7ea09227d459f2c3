/**
 * What a browser or a script sees (spec/api.md §3.0): `camelCase`, times as ISO-8601 with
 * milliseconds. Every object carries `version`, the audit sequence of its last change.
 */
import { z } from "zod";
import { mayorShape } from "./mayor.ts";
import { mergeRequestShape } from "./merge-shapes.ts";
import {
  agentStatus,
  beadKind,
  beadStatus,
  beadType,
  convoyMode,
  convoyState,
  mergeState,
  priority,
  rigState,
  role,
  sessionOutcome,
  sessionState,
  severity,
  startPhase,
} from "./states.ts";
import { waitingOn } from "./waiting-shape.ts";
import { moleculeShape } from "./formulas.ts";
import { budgetState, usageSum } from "./usage.ts";

const time = z.string();
const version = z.int();

export const rigShape = z.object({
  id: z.string(),
  townId: z.string(),
  name: z.string(),
  gitUrl: z.string(),
  defaultBranch: z.string(),
  forge: z.enum(["github", "gitlab", "git"]),
  state: rigState,
  stateReason: z.string().optional(),
  createdAt: time,
  updatedAt: time,
  version,
});
export type Rig = z.infer<typeof rigShape>;

export const beadShape = z.object({
  id: z.string(),
  shortId: z.string(),
  type: beadType,
  kind: beadKind.nullable(),
  status: beadStatus,
  reason: z.string().nullable(),
  title: z.string(),
  body: z.string(),
  rigId: z.string().nullable(),
  convoyId: z.string().nullable(),
  parentId: z.string().nullable(),
  priority,
  labels: z.array(z.string()),
  metadata: z.record(z.string(), z.unknown()),
  held: z.boolean(),
  waitingOn: waitingOn.optional(),
  assignee: z.object({ agentId: z.string(), name: z.string(), sessionId: z.string() }).optional(),
  startFailures: z.int(),
  runFailures: z.int(),
  createdBy: z.object({ kind: z.string(), id: z.string(), name: z.string() }),
  createdAt: time,
  updatedAt: time,
  closedAt: time.nullable(),
  version,
});
export type Bead = z.infer<typeof beadShape>;

export const sessionShape = z.object({
  id: z.string(),
  agentId: z.string(),
  agentName: z.string(),
  role,
  beadId: z.string().nullable(),
  rigId: z.string().nullable(),
  epoch: z.int(),
  state: sessionState,
  busy: z.boolean(),
  outcome: sessionOutcome.nullable(),
  reason: z
    .object({
      code: z.string(),
      phase: startPhase.optional(),
      message: z.string(),
      action: z.string().optional(),
      stderrTail: z.string().optional(),
    })
    .nullable(),
  runtime: z.string(),
  model: z.string().nullable(),
  branch: z.string().nullable(),
  headSha: z.string().nullable(),
  workRef: z.string().nullable(),
  statusText: z.string().nullable(),
  /** Its settle, or its end, while that is under way. */
  waitingOn: waitingOn.optional(),
  leaseExpiresAt: time,
  lastEventAt: time.nullable(),
  usage: z.object({ tokensIn: z.int(), tokensOut: z.int(), usd: z.number(), usdKnown: z.boolean() }),
  startedAt: time,
  endedAt: time.nullable(),
  transcriptSeq: z.int(),
  /** Of its setup commands and its agents' stderr, oldest first; `T/logs/{logId}` has what is in them. */
  logs: z.array(z.object({ kind: z.enum(["setup", "stderr"]), logId: z.string() })),
  version,
});
export type Session = z.infer<typeof sessionShape>;

export const convoyShape = z.object({
  id: z.string(),
  shortId: z.string(),
  title: z.string(),
  state: convoyState,
  mode: convoyMode,
  featureBranches: z.record(z.string(), z.string()),
  progress: z.object({
    total: z.int(),
    closed: z.int(),
    waived: z.int(),
    failed: z.int(),
    inProgress: z.int(),
    inReview: z.int(),
  }),
  landingAttempts: z.int(),
  createdAt: time,
  startedAt: time.nullable(),
  landedAt: time.nullable(),
  version,
});
export type Convoy = z.infer<typeof convoyShape>;

export const convoyDetail = convoyShape.extend({
  nodes: z.array(
    z.object({
      beadId: z.string(),
      title: z.string(),
      status: beadStatus,
      reason: z.string().nullable(),
      rigId: z.string(),
      wave: z.int(),
      waived: z.boolean(),
      assigneeName: z.string().optional(),
      waitingOn: waitingOn.optional(),
      mergeState: mergeState.optional(),
    }),
  ),
  edges: z.array(z.object({ beadId: z.string(), dependsOnBeadId: z.string() })),
  waves: z.array(z.array(z.string())),
  usage: usageSum,
  landing: z.array(z.object({ rigId: z.string(), beadId: z.string(), state: mergeState })),
});
export type ConvoyDetail = z.infer<typeof convoyDetail>;

export const escalationShape = z.object({
  id: z.string(),
  severity,
  category: z.string(),
  title: z.string(),
  body: z.string(),
  source: z.object({
    rigId: z.string().optional(),
    beadId: z.string().optional(),
    convoyId: z.string().optional(),
    sessionId: z.string().optional(),
  }),
  open: z.boolean(),
  acknowledgedAt: time.nullable(),
  bumps: z.int(),
  /** Nobody else is asked while triage looks at it. */
  routedTo: z.literal("triage").optional(),
  choices: z.array(z.object({ id: z.string(), label: z.string() })),
  resolution: z.object({ choice: z.string().nullable(), answer: z.string().nullable(), at: time }).nullable(),
  createdAt: time,
  version,
});
export type Escalation = z.infer<typeof escalationShape>;

export const agentShape = z.object({
  id: z.string(),
  shortId: z.string(),
  name: z.string(),
  role,
  rigId: z.string().nullable(),
  status: agentStatus,
  message: z.object({ text: z.string(), at: time }).nullable(),
  beadId: z.string().nullable(),
  sessionId: z.string().nullable(),
  lastActivityAt: time.nullable(),
  createdAt: time,
  version,
});
export type Agent = z.infer<typeof agentShape>;

export const feedEntry = z.object({
  seq: z.int(),
  at: time,
  kind: z.string(),
  subject: z.object({ type: z.string(), id: z.string() }),
  actor: z.object({ kind: z.string(), id: z.string(), name: z.string() }),
  from: z.string().optional(),
  to: z.string().optional(),
  reason: z.string().optional(),
  rigId: z.string().optional(),
  beadId: z.string().optional(),
  convoyId: z.string().optional(),
  agentId: z.string().optional(),
  sessionId: z.string().optional(),
  /** One line for people. */
  text: z.string(),
  data: z.record(z.string(), z.unknown()),
});
export type FeedEntry = z.infer<typeof feedEntry>;

export const beadDetail = beadShape.extend({
  /** What it is worked on with in place of what the settings say; null: that. */
  model: z.string().nullable(),
  runtime: z.string().nullable(),
  timeline: z.array(feedEntry),
  dependencies: z.object({
    blockedBy: z.array(
      z.object({ id: z.string(), title: z.string(), status: z.string(), reason: z.string().nullable() }),
    ),
    blocks: z.array(
      z.object({ id: z.string(), title: z.string(), status: z.string(), reason: z.string().nullable() }),
    ),
  }),
  sessions: z.array(sessionShape),
  mergeRequest: mergeRequestShape.optional(),
  workRefs: z.array(z.string()),
  molecule: moleculeShape.optional(),
  /** Of all its sessions, reviews and fixes. */
  usage: usageSum,
});
export type BeadDetail = z.infer<typeof beadDetail>;

export const townShape = z.object({
  id: z.string(),
  name: z.string(),
  paused: z.boolean(),
  createdAt: time,
  version,
});
export type TownShape = z.infer<typeof townShape>;

export const townStatus = z.object({
  seq: z.int(),
  town: townShape,
  wake: z.object({ nextAt: time.nullable() }),
  agents: z.record(agentStatus, z.int()),
  beads: z.object({
    open: z.int(),
    inProgress: z.int(),
    inReview: z.int(),
    failed: z.int(),
    held: z.int(),
    blocked: z.int(),
  }),
  convoys: z.object({ staged: z.int(), active: z.int(), landing: z.int() }),
  merges: z.object({ queued: z.int(), reviewing: z.int(), landing: z.int() }),
  escalations: z.object({ open: z.int(), unacknowledged: z.int() }),
  mayor: mayorShape,
  runner: z.object({
    connected: z.boolean(),
    draining: z.boolean(),
    epoch: z.int(),
    lastSeenAt: time.nullable(),
  }),
  inbox: z.object({ pending: z.int(), dead: z.int() }),
  outbox: z.object({ pending: z.int(), dead: z.int() }),
  working: z.array(
    z.object({
      agent: z.string(),
      role,
      beadId: z.string().nullable(),
      title: z.string(),
      status: z.string(),
    }),
  ),
  waiting: z.array(z.object({ beadId: z.string(), title: z.string(), waitingOn })),
  needsYou: z.array(escalationShape),
  recent: z.array(feedEntry),
  budgets: z.array(budgetState),
  spentToday: z.object({ tokens: z.int(), usd: z.number() }),
  /** What triage has not decided yet. */
  triageRequests: z.int(),
  breaker: z.object({ open: z.boolean(), probeAt: time.optional() }),
});
export type TownStatus = z.infer<typeof townStatus>;
