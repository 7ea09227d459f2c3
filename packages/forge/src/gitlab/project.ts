/** What setup and preview need to know of a project. */
import { z } from "zod";
import type { MergeMethod, RepositoryFacts } from "../forge.ts";
import { parsed } from "../transport/parse.ts";
import type { GitLabCall } from "./call.ts";

const DEVELOPER = 30;

const access = z.object({ access_level: z.int() }).nullish();
const project = z.object({
  default_branch: z.string(),
  permissions: z.object({ project_access: access, group_access: access }).nullish(),
  merge_method: z.string().optional(),
  squash_option: z.string().optional(),
  merge_trains_enabled: z.boolean().nullish(),
  merge_trains_skip_train_allowed: z.boolean().nullish(),
});
type Project = z.infer<typeof project>;

async function read(call: GitLabCall): Promise<Project> {
  const data: unknown = await call.projects.show(call.project);
  return parsed("gitlab", project, data);
}

/** A project has one way to merge, and says whether squashing is possible, or the only way. */
function methodsOf({ merge_method, squash_option }: Project): MergeMethod[] {
  if (merge_method === undefined || squash_option === undefined) return [];
  if (squash_option === "always") return ["squash"];
  const plain: MergeMethod = merge_method === "ff" ? "rebase" : "merge";
  return squash_option === "never" ? [plain] : [plain, "squash"];
}

const trainRequired = (of: Project): boolean =>
  of.merge_trains_enabled === true && of.merge_trains_skip_train_allowed !== true;

export interface MergeRules {
  readonly methods: readonly MergeMethod[];
  readonly trainRequired: boolean;
}

export async function readMergeRules(call: GitLabCall): Promise<MergeRules> {
  const found = await read(call);
  return { methods: methodsOf(found), trainRequired: trainRequired(found) };
}

export async function readProject(call: GitLabCall): Promise<RepositoryFacts> {
  const found = await read(call);
  const { permissions } = found;
  const level = Math.max(
    permissions?.project_access?.access_level ?? 0,
    permissions?.group_access?.access_level ?? 0,
  );
  return {
    defaultBranch: found.default_branch,
    canPush: permissions === undefined || permissions === null ? null : level >= DEVELOPER,
    mergeMethods: methodsOf(found),
    mergeQueueRequired: trainRequired(found),
  };
}
