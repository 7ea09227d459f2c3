import { convoyMode, priority, type SlingConvoyBody } from "@gastown/protocol";
import { z } from "zod";
import { usageError } from "../cli/failure.ts";

const names = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());

const task = z.strictObject({
  /** By which `after` of other tasks means this one; its title serves as well. */
  name: z.string().min(1).optional(),
  title: z.string().min(1),
  body: z.string().optional(),
  after: names.optional(),
  /** Left out: the convoy's. */
  rig: z.string().optional(),
  priority: priority.optional(),
  labels: z.array(z.string()).optional(),
  /** With what it is worked on, in place of what is set. */
  model: z.string().optional(),
  runtime: z.string().optional(),
  /** A formula of its rig gives it steps. */
  formula: z.string().optional(),
  vars: z.record(z.string(), z.string()).optional(),
});

/** A convoy as people write it: tasks that name what must be done before them. */
export const convoyFile = z.strictObject({
  title: z.string().min(1),
  rig: z.string().optional(),
  mode: convoyMode.optional(),
  staged: z.boolean().optional(),
  parallel: z.boolean().optional(),
  tasks: z.array(task).min(1).max(50),
});

type ConvoyFile = z.infer<typeof convoyFile>;

/** The rigs that single tasks name, each once. */
export function rigsOf(file: ConvoyFile): string[] {
  return [...new Set(file.tasks.flatMap(({ rig }) => rig ?? []))];
}

/**
 * The tasks with positions in place of names, and ids in place of those of rigs. Throws exit code 2 for a
 * name that means nothing.
 */
export function tasksOf(
  file: ConvoyFile,
  rigIds: ReadonlyMap<string, string> = new Map(),
): SlingConvoyBody["tasks"] {
  return file.tasks.map(({ name: _own, after, rig, ...task }, index) => ({
    ...task,
    ...(rig === undefined ? {} : { rigId: rigIds.get(rig) ?? rig }),
    ...(after === undefined ? {} : { dependsOn: after.map((name) => positionOf(file, name, index)) }),
  }));
}

function positionOf(file: ConvoyFile, name: string, asking: number): number {
  const named = file.tasks.findIndex((one) => one.name === name);
  const found = named === -1 ? file.tasks.findIndex((one) => one.title === name) : named;
  if (found === -1)
    throw usageError(
      `Task "${file.tasks[asking]?.title}" comes after "${name}", but no task has that name. There are: ${file.tasks.map((one) => one.name ?? one.title).join(", ")}.`,
    );
  return found;
}
