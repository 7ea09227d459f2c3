import type { CommandSpec } from "./commands.ts";

/** Merge requests and their pull requests (spec/api.md §7). Each takes a merge request's id, or its bead's. */
export const MERGE_COMMANDS: readonly CommandSpec[] = [
  {
    usage: "merges",
    summary: "The merge queue",
    options: [
      ["--state <state>", "those of one state"],
      ["--attention", "those that wait for a person"],
    ],
    operations: ["merges.list", "merges.attention"],
    load: async () => (await import("../commands/merges.ts")).merges,
  },
  {
    usage: "adopt <pr-url>",
    summary: "Let the town look after a pull request that a person opened, until it is merged",
    options: [
      ["--allow-force-push", "its branch may be rewritten, to rebase it"],
      ["--title <title>", "what to call it (default: its own title)"],
      ["--preview", "only show what it is"],
    ],
    operations: ["merges.preview", "merges.adopt"],
    load: async () => (await import("../commands/adopt.ts")).adopt,
  },
  {
    usage: "merge show <merge>",
    summary: "One merge request: its pull request, checks, rounds, and what it waits for",
    operations: ["merges.get"],
    load: async () => (await import("../commands/merge.ts")).mergeShow,
  },
  {
    usage: "merge retry <merge>",
    summary: "Try a failed or stuck merge request again, with the same pull request",
    operations: ["merges.retry"],
    load: async () => (await import("../commands/merge.ts")).mergeRetry,
  },
  {
    usage: "merge approve <merge>",
    summary: "Approve the head that it has now, instead of the reviewer",
    options: [["--summary <text>", "what you found"]],
    operations: ["merges.get", "merges.verdict"],
    load: async () => (await import("../commands/merge.ts")).mergeApprove,
  },
  {
    usage: "merge reject <merge> <feedback>",
    summary: "Ask for changes of the head that it has now, instead of the reviewer",
    operations: ["merges.get", "merges.verdict"],
    load: async () => (await import("../commands/merge.ts")).mergeReject,
  },
  {
    usage: "merge now <merge>",
    summary: "Merge its pull request without the grace period; checks still count",
    operations: ["merges.get", "merges.mergeNow"],
    load: async () => (await import("../commands/merge.ts")).mergeNow,
  },
  {
    usage: "merge hold <merge>",
    summary: "Keep it from landing",
    operations: ["merges.hold"],
    load: async () => (await import("../commands/merge.ts")).mergeHold,
  },
  {
    usage: "merge release <merge>",
    summary: "Let it land again",
    operations: ["merges.release"],
    load: async () => (await import("../commands/merge.ts")).mergeRelease,
  },
  {
    usage: "merge refresh <merge>",
    summary: "Read its pull request now",
    operations: ["merges.refresh"],
    load: async () => (await import("../commands/merge.ts")).mergeRefresh,
  },
  {
    usage: "merge dismiss <merge>",
    summary: "Give it up; its pull request stays as it is",
    options: [
      ["--source <what>", "its bead: hold (default), reopen or close"],
      ["--note <text>", "why"],
    ],
    operations: ["merges.dismiss"],
    load: async () => (await import("../commands/merge.ts")).mergeDismiss,
  },
  {
    usage: "lanes",
    summary: "What lands where, in which order, and why it waits",
    operations: ["merges.lanes"],
    load: async () => (await import("../commands/lanes.ts")).lanes,
  },
  {
    usage: "lane pause <rig> <branch>",
    summary: "Let nothing land into this branch",
    operations: ["merges.lanes.pause"],
    load: async () => (await import("../commands/lanes.ts")).lanePause,
  },
  {
    usage: "lane resume <rig> <branch>",
    summary: "Let it land there again; a red branch is tried at once",
    operations: ["merges.lanes.resume"],
    load: async () => (await import("../commands/lanes.ts")).laneResume,
  },
];
