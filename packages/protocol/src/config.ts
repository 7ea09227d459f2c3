/**
 * A town's settings (spec/town.md §7, spec/api.md §3.13). One schema for the stored form, in which
 * every key is optional; `DEFAULTS` gives what holds where neither rig nor town says anything.
 * A setting exists here only if some code honours it.
 */
import { z } from "zod";
import { rigCredentials, townCredentials } from "./credentials.ts";
import { effectiveReview, NEW_TOWN_REVIEW, reviewSettings, type EffectiveReview } from "./review-config.ts";
import { notifiers, type Notifier } from "./notify.ts";
import { permissionPolicy, type PermissionPolicy } from "./permissions.ts";
import { convoyMode, mergeStrategy, type Role } from "./states.ts";
import { text } from "./text.ts";

export const setupSpec = z.strictObject({
  command: text(1, 2_000),
  required: z.boolean().optional(),
  timeout_seconds: z.int().min(1).max(3_600).optional(),
});
export type SetupSpec = z.infer<typeof setupSpec>;

const model = text(0, 200);
export const runtimeId = z.string().regex(/^[a-z][a-z0-9-]{0,40}$/);
const permission = permissionPolicy;
const instruction = text(0, 2_000);

/** Tokens (in and out) or US dollars; `hard` also stops live sessions at the limit. Null: no budget. */
export const budget = z.strictObject({
  tokens: z.int().min(0).optional(),
  usd: z.number().min(0).optional(),
  hard: z.boolean().optional(),
});
export type Budget = z.infer<typeof budget>;
const rigBudgets = {
  bead: budget.nullable().optional(),
  convoy: budget.nullable().optional(),
  rig: budget.nullable().optional(),
};

const RESERVED_ENV = /^(GASTOWN_|GIT_|LD_)|^(PATH|HOME|PWD|SHELL|TMPDIR)$/;
export const envMap = z
  .record(
    z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
      .max(200),
    // `VALUE_BYTES` of a person's; a secret is longer where it is stored, sealed.
    text(0, 12_288),
  )
  .refine((env) => Object.keys(env).length <= 100, "at most 100 variables")
  .refine((env) => Object.keys(env).every((key) => !RESERVED_ENV.test(key)), "a reserved variable name");

/**
 * Beyond what every push of the town has. `--no-verify` is one of these already: no hook of a repository ever
 * runs in a push of the runner.
 */
const pushFlag = z
  .string()
  .regex(/^(?:--no-verify|--push-option=[^\p{Cc}]{1,500})$/u, "--no-verify or --push-option=<value>");

const git = {
  author_name: text(1, 100).optional(),
  author_email: z.email().optional(),
  ai_coauthor: z.boolean().optional(),
  /** Whether worktrees get the files of submodules, and those that Git LFS keeps. */
  submodules: z.boolean().optional(),
  lfs: z.boolean().optional(),
};

const turnIdle = z
  .strictObject({
    polecat: z.int().min(1).max(60).optional(),
    refinery: z.int().min(1).max(60).optional(),
  })
  .optional();

/** What a rig may override. */
const rigLevel = {
  runtime: runtimeId.optional(),
  default_model: model.optional(),
  /** `pr` set for the town holds for rigs that have a forge; set for a rig, for that rig. */
  merge_strategy: mergeStrategy.optional(),
  convoy_merge_mode: convoyMode.optional(),
  staged_convoys_default: z.boolean().optional(),
  on_blocker_failure: z.enum(["hold", "skip"]).optional(),
  git: z.strictObject(git).optional(),
  env: envMap.optional(),
};

export const rigConfig = z.strictObject({
  ...rigLevel,
  git: z.strictObject({ ...git, push_flags: z.array(pushFlag).max(20).optional() }).optional(),
  role_runtimes: z.strictObject({ polecat: runtimeId.optional(), refinery: runtimeId.optional() }).optional(),
  role_models: z.strictObject({ polecat: model.optional(), refinery: model.optional() }).optional(),
  review: reviewSettings.optional(),
  limits: z
    .strictObject({
      max_polecats_per_rig: z.int().min(1).max(50).optional(),
      max_attempts: z.int().min(1).max(20).optional(),
    })
    .optional(),
  budgets: z.strictObject(rigBudgets).optional(),
  instructions: z
    .strictObject({ polecat: instruction.optional(), refinery: instruction.optional() })
    .optional(),
  permissions: z.strictObject({ polecat: permission.optional(), refinery: permission.optional() }).optional(),
  setup: z.array(setupSpec).max(20).optional(),
  runner: z.strictObject({ turn_idle_minutes: turnIdle }).optional(),
  credentials: rigCredentials.optional(),
});
export type RigConfig = z.infer<typeof rigConfig>;

export const townConfig = z.strictObject({
  ...rigLevel,
  role_runtimes: z
    .strictObject({
      mayor: runtimeId.optional(),
      polecat: runtimeId.optional(),
      refinery: runtimeId.optional(),
      triage: runtimeId.optional(),
    })
    .optional(),
  small_model: model.optional(),
  credentials: townCredentials.optional(),
  role_models: z
    .strictObject({
      mayor: model.optional(),
      polecat: model.optional(),
      refinery: model.optional(),
      triage: model.optional(),
    })
    .optional(),
  review: reviewSettings.optional(),
  limits: z
    .strictObject({
      max_polecats_per_rig: z.int().min(1).max(50).optional(),
      max_agents: z.int().min(1).max(200).optional(),
      max_attempts: z.int().min(1).max(20).optional(),
      parallel_effects: z.int().min(1).max(64).optional(),
      tick_batch: z.int().min(16).max(4_096).optional(),
    })
    .optional(),
  budgets: z
    .strictObject({
      ...rigBudgets,
      town_day: budget.nullable().optional(),
      /** Of the triage sessions of a day; used up, what is open goes to a person. */
      triage_day: budget.nullable().optional(),
    })
    .optional(),
  /** Who hears first of what a polecat or refinery asks; `critical` questions go to people at once. */
  escalations: z.strictObject({ assign_to: z.enum(["mayor", "triage"]).optional() }).optional(),
  instructions: z
    .strictObject({
      mayor: instruction.optional(),
      polecat: instruction.optional(),
      refinery: instruction.optional(),
      triage: instruction.optional(),
    })
    .optional(),
  permissions: z
    .strictObject({
      mayor: permission.optional(),
      polecat: permission.optional(),
      refinery: permission.optional(),
      triage: permission.optional(),
    })
    .optional(),
  notify: notifiers.optional(),
  runner: z
    .strictObject({
      idle_stop_minutes: z.int().min(1).max(120).optional(),
      sessions_per_process: z.int().min(1).max(32).optional(),
      process_idle_minutes: z.int().min(1).max(120).optional(),
      /** MiB that an agent process may hold with its tools; a larger one is left between turns. */
      process_memory_mb: z.int().min(256).max(1_048_576).optional(),
      turn_idle_minutes: turnIdle,
    })
    .optional(),
  retention: z
    .strictObject({
      inbox_days: z.int().min(1).max(365).optional(),
      audit_days: z.int().min(1).max(365).optional(),
      transcript_days: z.int().min(1).max(365).optional(),
    })
    .optional(),
});
export type TownConfig = z.infer<typeof townConfig>;

/** Every setting with a value: what the rest of the product reads. */
export interface EffectiveConfig {
  runtime: string;
  role_runtimes: Record<Role, string>;
  /** Empty: the runtime's own choice. */
  models: Record<Role | "small", string>;
  merge_strategy: "direct" | "pr";
  convoy_merge_mode: "review-then-land" | "review-and-merge";
  staged_convoys_default: boolean;
  on_blocker_failure: "hold" | "skip";
  review: EffectiveReview;
  limits: {
    max_polecats_per_rig: number;
    max_agents: number;
    max_attempts: number;
    parallel_effects: number;
    tick_batch: number;
  };
  /** Null: none. */
  budgets: Record<"bead" | "convoy" | "rig" | "town_day" | "triage_day", Budget | null>;
  escalations: { assign_to: "mayor" | "triage" };
  git: {
    author_name: string | null;
    author_email: string;
    ai_coauthor: boolean;
    submodules: boolean;
    lfs: boolean;
    push_flags: readonly string[];
  };
  env: Record<string, string>;
  instructions: Record<Role, string>;
  permissions: Record<Role, PermissionPolicy>;
  setup: SetupSpec[];
  /** Their addresses are sealed elsewhere. */
  notify: readonly Notifier[];
  runner: {
    idle_stop_minutes: number;
    sessions_per_process: number;
    process_idle_minutes: number;
    process_memory_mb: number;
    turn_idle_minutes: { polecat: number; refinery: number };
  };
  retention: { inbox_days: number; audit_days: number; transcript_days: number };
}

/** The address that commits of agents carry where no other is set. */
export const BOT_EMAIL = "agent@gastown.invalid";

/** A town made today starts with these (the *new town* column); older towns are never changed. */
export const NEW_TOWN_CONFIG: TownConfig = {
  staged_convoys_default: true,
  merge_strategy: "pr",
  review: NEW_TOWN_REVIEW,
};

/**
 * What holds for one rig (or, without one, for the town): rig override, else town, else default
 * (spec/town.md §7). Pure; both arguments are parsed configs.
 */
export function effectiveConfig(
  town: TownConfig,
  rig: RigConfig = {},
  fallbackRuntime = "scripted",
): EffectiveConfig {
  const runtime = rig.runtime ?? town.runtime ?? fallbackRuntime;
  const model = (roleName: "polecat" | "refinery"): string =>
    rig.role_models?.[roleName] ||
    town.role_models?.[roleName] ||
    rig.default_model ||
    town.default_model ||
    "";
  const runtimeOf = (roleName: "polecat" | "refinery"): string =>
    rig.role_runtimes?.[roleName] ?? (rig.runtime || town.role_runtimes?.[roleName]) ?? runtime;
  // An explicit null of a rig is no budget there, whatever the town says.
  const budgetOf = (scope: "bead" | "convoy" | "rig"): Budget | null =>
    rig.budgets?.[scope] === undefined ? (town.budgets?.[scope] ?? null) : rig.budgets[scope];
  const townInstructions = town.instructions ?? {};
  const both = (roleName: "polecat" | "refinery"): string =>
    [townInstructions[roleName], rig.instructions?.[roleName]].filter(Boolean).join("\n\n");
  return {
    runtime,
    role_runtimes: {
      mayor: town.role_runtimes?.mayor ?? town.runtime ?? fallbackRuntime,
      polecat: runtimeOf("polecat"),
      refinery: runtimeOf("refinery"),
      triage: town.role_runtimes?.triage ?? town.runtime ?? fallbackRuntime,
    },
    models: {
      mayor: town.role_models?.mayor || town.default_model || "",
      polecat: model("polecat"),
      refinery: model("refinery"),
      triage: town.role_models?.triage || town.default_model || "",
      small: town.small_model ?? "",
    },
    merge_strategy: rig.merge_strategy ?? town.merge_strategy ?? "direct",
    convoy_merge_mode: rig.convoy_merge_mode ?? town.convoy_merge_mode ?? "review-then-land",
    staged_convoys_default: rig.staged_convoys_default ?? town.staged_convoys_default ?? false,
    on_blocker_failure: rig.on_blocker_failure ?? town.on_blocker_failure ?? "hold",
    review: effectiveReview(town.review, rig.review),
    limits: {
      max_polecats_per_rig: rig.limits?.max_polecats_per_rig ?? town.limits?.max_polecats_per_rig ?? 4,
      max_agents: town.limits?.max_agents ?? 12,
      max_attempts: rig.limits?.max_attempts ?? town.limits?.max_attempts ?? 5,
      parallel_effects: town.limits?.parallel_effects ?? 8,
      tick_batch: town.limits?.tick_batch ?? 256,
    },
    budgets: {
      bead: budgetOf("bead"),
      convoy: budgetOf("convoy"),
      rig: budgetOf("rig"),
      town_day: town.budgets?.town_day ?? null,
      triage_day: town.budgets?.triage_day ?? null,
    },
    escalations: { assign_to: town.escalations?.assign_to ?? "mayor" },
    git: {
      author_name: rig.git?.author_name ?? town.git?.author_name ?? null,
      author_email: rig.git?.author_email ?? town.git?.author_email ?? BOT_EMAIL,
      ai_coauthor: rig.git?.ai_coauthor ?? town.git?.ai_coauthor ?? true,
      submodules: rig.git?.submodules ?? town.git?.submodules ?? false,
      lfs: rig.git?.lfs ?? town.git?.lfs ?? false,
      push_flags: rig.git?.push_flags ?? [],
    },
    env: { ...town.env, ...rig.env },
    instructions: {
      mayor: townInstructions.mayor ?? "",
      polecat: both("polecat"),
      refinery: both("refinery"),
      triage: townInstructions.triage ?? "",
    },
    permissions: {
      mayor: town.permissions?.mayor ?? "allow_in_worktree",
      polecat: rig.permissions?.polecat ?? town.permissions?.polecat ?? "allow_in_worktree",
      refinery: rig.permissions?.refinery ?? town.permissions?.refinery ?? "allow_in_worktree",
      triage: town.permissions?.triage ?? "allow_in_worktree",
    },
    setup: rig.setup ?? [],
    notify: town.notify ?? [],
    runner: {
      idle_stop_minutes: town.runner?.idle_stop_minutes ?? 5,
      sessions_per_process: town.runner?.sessions_per_process ?? 8,
      process_idle_minutes: town.runner?.process_idle_minutes ?? 5,
      process_memory_mb: town.runner?.process_memory_mb ?? 2_048,
      turn_idle_minutes: {
        polecat: rig.runner?.turn_idle_minutes?.polecat ?? town.runner?.turn_idle_minutes?.polecat ?? 2,
        refinery: rig.runner?.turn_idle_minutes?.refinery ?? town.runner?.turn_idle_minutes?.refinery ?? 10,
      },
    },
    retention: {
      inbox_days: town.retention?.inbox_days ?? 7,
      audit_days: town.retention?.audit_days ?? 90,
      transcript_days: town.retention?.transcript_days ?? 30,
    },
  };
}
