import type { CommandSpec } from "./commands.ts";

/** What the runner reads for a person: differences and logs (spec/api.md §7). */
export const READING_COMMANDS: readonly CommandSpec[] = [
  {
    usage: "merge diff <merge>",
    summary: "What it changes, as a unified diff",
    options: [
      ["--since-review", "only what is new since the last verdict"],
      ["--session <session>", "only what one session did"],
      ["--stat", "only the names of the files, and how much"],
    ],
    operations: ["beads.diff"],
    load: async () => (await import("../commands/diff.ts")).mergeDiff,
  },
  {
    usage: "session diff <session>",
    summary: "What a session has changed so far",
    options: [["--stat", "only the names of the files, and how much"]],
    operations: ["sessions.diff"],
    load: async () => (await import("../commands/diff.ts")).sessionDiff,
  },
  {
    usage: "log <log-or-session>",
    summary: "A log: of a gate (`gastown merge show` names it), or what a session's agent wrote to stderr",
    options: [
      ["--setup", "of a session: what its setup commands said"],
      ["-f, --follow", "go on with what is added"],
      ["--tail <lines>", "only its end"],
      ["--search <text>", "only lines with this text"],
    ],
    operations: ["logs.get"],
    load: async () => (await import("../commands/log.ts")).log,
  },
];
