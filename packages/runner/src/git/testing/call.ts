/** One call of a workspace in a process of its own, so that a test can kill it. */
import { z } from "zod";
import { gitIdentity, mergeRequest, rigRef } from "@gastown/protocol";
import { createGitWorkspace } from "../workspace.ts";

const signal = new AbortController().signal;
const prepare = z.object({
  slot: z.string(),
  rig: rigRef,
  branch: z.string().nullable(),
  startPoint: z.string(),
  keep: z.boolean(),
  goesOn: z.string().nullable(),
  author: gitIdentity,
});
const settle = z.object({
  dir: z.string(),
  rig: rigRef,
  branch: z.string(),
  target: z.string(),
  startHead: z.string().nullable(),
  allowRewrite: z.boolean(),
  author: gitIdentity,
  coauthor: z.string().nullable(),
  message: z.string(),
  noChanges: z.boolean(),
});

const input = z
  .object({
    root: z.string(),
    gitEnv: z.record(z.string(), z.string()),
    call: z.enum(["merge", "prepareWorktree", "settle", "setupRig"]),
    argument: z.unknown(),
  })
  .parse(JSON.parse(process.argv[2] ?? "{}"));
const { root, gitEnv, argument } = input;
const workspace = createGitWorkspace({ root, gitEnv, allowLocal: true, log: () => undefined });

const calls = {
  merge: () => workspace.merge(mergeRequest.parse(argument), () => true, signal),
  prepareWorktree: () => workspace.prepareWorktree({ ...prepare.parse(argument), signal }),
  settle: () => workspace.settle({ ...settle.parse(argument), signal }),
  setupRig: () => workspace.setupRig(rigRef.parse(argument), signal),
};
await calls[input.call]();
