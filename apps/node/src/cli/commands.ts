import type { Context } from "./context.ts";
import { MERGE_COMMANDS } from "./merge-commands.ts";
import { READING_COMMANDS } from "./reading-commands.ts";
import { DEBUG_COMMANDS } from "./debug-commands.ts";
import { SETTINGS_COMMANDS } from "./settings-commands.ts";
import { WORK_COMMANDS } from "./work-commands.ts";

/** Values of a command's own options, as they were given. */
export type OptionValues = Readonly<Record<string, string | boolean | string[] | undefined>>;

export type Run = (
  context: Context,
  args: readonly string[],
  options: OptionValues,
) => Promise<void | number>;

export interface CommandSpec {
  /** Words and arguments as in `rig add <url>`; `[x]` may be left out. */
  readonly usage: string;
  readonly summary: string;
  /** `[flags, what it does]`; flags as commander writes them. */
  readonly options?: readonly (readonly [flags: string, description: string])[];
  /** Operations of the HTTP API that it uses (spec/api.md §3). */
  readonly operations: readonly string[];
  /** Loaded only when the command is called: most commands need little. */
  readonly load: () => Promise<Run>;
}

const wait = [
  ["--wait", "wait until the work is done"],
  ["--timeout <seconds>", "how long to wait (default: for ever)"],
] as const;

/** Every command but the hidden ones. Help is generated from it. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    usage: "demo",
    summary: "Watch scripted agents (no model, no key) land a small convoy in a throw-away repository",
    options: [
      ["--repo <path or url>", "work on a clone of this repository instead"],
      ["--push", "with --repo: push the result to the repository's own branch"],
      ["--keep", "keep the repository and the data directory (--json keeps the repository)"],
      ["--timeout <seconds>", "give up after this time (default: 180)"],
    ],
    operations: ["mayor.message", "convoys.get", "live.open"],
    load: async () => (await import("../demo/command.ts")).demo,
  },
  {
    usage: "up",
    summary: "Start the server and its runners",
    options: [
      ["--listen <address:port>", "where to listen (default: 127.0.0.1:4780; port 0: a free one)"],
      ["--runtime <id>", "agent runtime of towns that name none"],
      ["--max-instances <count>", "how many runners may live at once, one per town (default: 8)"],
      ["--detach", "run in the background, log to a file"],
      ["--dev", "development: debug routes, everything in the log"],
      ["--keep-runners", "leave the runners alive when this is stopped"],
      ["--insecure-listen", "allow to listen on more than this machine"],
    ],
    operations: [],
    load: async () => (await import("../commands/up.ts")).up,
  },
  {
    usage: "down",
    summary: "Stop the server; runners finish their turns first",
    options: [["--now", "do not wait for the runners"]],
    operations: [],
    load: async () => (await import("../commands/down.ts")).down,
  },
  {
    usage: "init [path]",
    summary: "Make a town (where there is none) and a rig for a repository",
    options: [
      ["--name <name>", "name of the rig (default: the folder's)"],
      ["--branch <branch>", "branch to land on (default: the remote's)"],
      ["--local", "use the repository on this disk, not its remote"],
      ["--timeout <seconds>", "how long the first clone may take (default: 600)"],
    ],
    operations: ["towns.create", "rigs.create", "repositories.check", "rigConfig.update"],
    load: async () => (await import("../commands/init.ts")).init,
  },
  {
    usage: "town list",
    summary: "The towns of this server",
    operations: ["towns.list"],
    load: async () => (await import("../commands/town.ts")).townList,
  },
  {
    usage: "town delete <town>",
    summary: "Delete a town: its work is saved, its runner ends, nothing of it stays but what was pushed",
    options: [
      ["--force", "also while agents work in it"],
      ["--branches", "delete what it made on its remotes first: branches and saved work"],
    ],
    operations: ["towns.list", "rigs.list", "rigs.forgetBranches", "towns.delete"],
    load: async () => (await import("../commands/town.ts")).townDelete,
  },
  {
    usage: "town export <town>",
    summary: "Write a town out as JSON lines, to read, to keep or to move; secrets are never in it",
    options: [
      ["--output <file>", "write into this file, packed if it ends in .gz (default: standard output)"],
    ],
    operations: ["towns.list", "towns.export"],
    load: async () => (await import("../commands/town-history.ts")).townExport,
  },
  {
    usage: "town import <file or ->",
    summary: "Make a town of an export: whole or not at all, paused, nothing of its past sent again",
    options: [["--into <town>", "an empty town that makes room for it"]],
    operations: ["towns.list", "towns.import"],
    load: async () => (await import("../commands/town-history.ts")).townImport,
  },
  {
    usage: "rig add <url or path>",
    summary: "Add a repository to the town",
    options: [
      ["--name <name>", "name of the rig (default: from the url)"],
      ["--branch <branch>", "branch to land on (default: the remote's)"],
      ["--timeout <seconds>", "how long the first clone may take (default: 600)"],
    ],
    operations: ["repositories.check", "rigs.create", "rigs.get"],
    load: async () => (await import("../commands/rig.ts")).rigAdd,
  },
  {
    usage: "rig list",
    summary: "The town's repositories",
    operations: ["rigs.list"],
    load: async () => (await import("../commands/rig.ts")).rigList,
  },
  {
    usage: "rig remove <rig>",
    summary: "Remove a repository from the town; its remote stays as it is",
    options: [
      ["--force", "also while agents work on it"],
      ["--branches", "delete what the town made there first: branches and saved work"],
    ],
    operations: ["rigs.delete", "rigs.forgetBranches"],
    load: async () => (await import("../commands/rig.ts")).rigRemove,
  },
  {
    usage: "sling <title>",
    summary: "One piece of work for the next free agent",
    options: [
      ["--body <text>", "what to do; a file as @file, standard input as -"],
      ["--priority <priority>", "low, medium, high or critical"],
      ["--label <label...>", "labels"],
      ["--after <bead...>", "beads that must be done before"],
      ["--model <model>", "the model for it, as its agent calls it: provider/model"],
      ["--runtime <runtime>", "the agent for it: kilo, opencode, …"],
      ["--formula <name>", "with the steps of this formula of the repository"],
      ["--var <name=value...>", "values for the formula"],
      ["--hold", "do not start it yet"],
      ...wait,
    ],
    operations: ["beads.sling", "beads.create"],
    load: async () => (await import("../commands/sling.ts")).sling,
  },
  {
    usage: "formulas",
    summary: "Formulas of the repository (.gastown/formulas/*.toml): steps for a bead",
    operations: ["formulas.list"],
    load: async () => (await import("../commands/formulas.ts")).formulas,
  },
  {
    usage: "convoy sling <file>",
    summary: "A convoy from a YAML file (or - for standard input) with tasks and `after:` names",
    options: [
      ["--mode <mode>", "review-then-land or review-and-merge"],
      ["--stage", "wait for `convoy start`"],
      ["--parallel", "no task waits for another one"],
      ...wait,
    ],
    operations: ["convoys.sling"],
    load: async () => (await import("../commands/convoy.ts")).convoySling,
  },
  {
    usage: "convoy start <convoy>",
    summary: "Start a staged convoy",
    options: [...wait],
    operations: ["convoys.start"],
    load: async () => (await import("../commands/convoy.ts")).convoyStart,
  },
  {
    usage: "convoy status <convoy>",
    summary: "A convoy's tasks by wave, and what each waits for",
    operations: ["convoys.get"],
    load: async () => (await import("../commands/convoy.ts")).convoyStatus,
  },
  {
    usage: "convoy list",
    summary: "Convoys that are not finished",
    options: [["--state <state>", "those of one state"]],
    operations: ["convoys.list"],
    load: async () => (await import("../commands/convoy.ts")).convoyList,
  },
  {
    usage: "mayor [message]",
    summary: "Say something to the mayor; without a message, a conversation",
    options: [
      ["--no-wait", "do not wait for the answer"],
      ["--timeout <seconds>", "how long to wait for the answer"],
      ["--now", "end the mayor's turn and be answered first"],
      ["--status", "what the mayor does, and why it does not run"],
      ["--ensure", "start it before it is talked to"],
      ["--interrupt", "end its turn; what waits goes on"],
      ["--stop", "end its session; the next message goes on with the conversation"],
      ["--new", "with --stop: the next message begins a new conversation"],
      ["--queue", "messages that it was not given yet"],
      ["--take-back <message>", "take such a message back"],
      ["--model <model>", "another model for this session"],
      ["--persist", "with --model: as the town's setting as well"],
    ],
    operations: [
      "mayor.message",
      "mayor.status",
      "mayor.ensure",
      "mayor.interrupt",
      "mayor.stop",
      "mayor.queue.list",
      "mayor.queue.delete",
      "mayor.model",
      "live.open",
    ],
    load: async () => (await import("../commands/mayor.ts")).mayor,
  },
  {
    usage: "status",
    summary: "The town in one screen",
    operations: ["towns.status"],
    load: async () => (await import("../commands/status.ts")).status,
  },
  {
    usage: "watch",
    summary: "The same, live",
    operations: ["live.open"],
    load: async () => (await import("../commands/watch.ts")).watch,
  },
  ...WORK_COMMANDS,
  ...READING_COMMANDS,
  {
    usage: "session list",
    summary: "Sessions of agents",
    options: [["--all", "ended ones too"]],
    operations: ["sessions.list"],
    load: async () => (await import("../commands/session.ts")).sessionList,
  },
  {
    usage: "session logs <session>",
    summary: "What was said and done in a session",
    options: [["-f, --follow", "go on while it runs"]],
    operations: ["sessions.transcript", "live.open"],
    load: async () => (await import("../commands/session.ts")).sessionLogs,
  },
  {
    usage: "session stop <session>",
    summary: "Stop a session; its work is saved",
    options: [
      ["--now", "do not wait for the end of its turn"],
      ["--note <text>", "why"],
    ],
    operations: ["sessions.stop"],
    load: async () => (await import("../commands/session.ts")).sessionStop,
  },
  {
    usage: "usage",
    summary: "Tokens and money, and how the budgets stand",
    options: [
      ["--by <what>", "day (default), role, rig, convoy, bead or model"],
      ["--from <instant>", "only from this time on (ISO-8601)"],
      ["--to <instant>", "only before this time"],
    ],
    operations: ["towns.usage"],
    load: async () => (await import("../commands/usage.ts")).usage,
  },
  {
    usage: "pause",
    summary: "Start nothing new",
    options: [
      ["--stop", "also stop what runs; its work is saved"],
      ["--reason <text>", "why, for others to read"],
    ],
    operations: ["towns.pause"],
    load: async () => (await import("../commands/pause.ts")).pause,
  },
  {
    usage: "resume",
    summary: "Start work again after a pause",
    operations: ["towns.resume"],
    load: async () => (await import("../commands/pause.ts")).resume,
  },
  ...MERGE_COMMANDS,
  {
    usage: "escalations",
    summary: "What needs a person",
    options: [["--all", "resolved ones too"]],
    operations: ["escalations.list"],
    load: async () => (await import("../commands/escalation.ts")).escalations,
  },
  {
    usage: "escalation ack <escalation>",
    summary: "Say that a question is being looked at: it is not raised again",
    operations: ["escalations.list", "escalations.acknowledge"],
    load: async () => (await import("../commands/escalation.ts")).escalationAck,
  },
  {
    usage: "escalation resolve <escalation> [choice]",
    summary: "Answer an escalation",
    options: [["--answer <text>", "an answer in words"]],
    operations: ["escalations.resolve"],
    load: async () => (await import("../commands/escalation.ts")).escalationResolve,
  },
  {
    usage: "config get [key]",
    summary: "Settings of the town, or of a rig with --rig",
    options: [["--effective", "what holds, with defaults"]],
    operations: ["config.get", "rigConfig.get"],
    load: async () => (await import("../commands/config.ts")).configGet,
  },
  {
    usage: "config set <key=value...>",
    summary: "Change settings; values are JSON, else text; a credential's key alone asks for it",
    options: [["--secret", "variables (env.NAME) that nobody is shown: their keys alone, asked for"]],
    operations: ["config.update", "rigConfig.update"],
    load: async () => (await import("../commands/config.ts")).configSet,
  },
  {
    usage: "config unset <key...>",
    summary: "Return settings to their default (or the town's, with --rig)",
    operations: ["config.update", "rigConfig.update"],
    load: async () => (await import("../commands/config.ts")).configUnset,
  },
  ...SETTINGS_COMMANDS,
  ...DEBUG_COMMANDS,
  {
    usage: "events",
    summary: "What happened, one line each",
    options: [
      ["-f, --follow", "go on as it happens"],
      ["--limit <n>", "how many (default: 50)"],
      ["--kind <prefix>", "only those whose kind begins like this"],
    ],
    operations: ["events.list", "live.open"],
    load: async () => (await import("../commands/events.ts")).events,
  },
  {
    usage: "doctor",
    summary: "Check this machine, the data directory, the server and the invariants of every town",
    options: [["--fix", "repair what is safe to repair; the server must be stopped"]],
    operations: ["service.ready", "admin.credentials.test"],
    load: async () => (await import("../commands/doctor.ts")).doctor,
  },
  {
    usage: "backup <file>",
    summary: "Store every town in one file, also while the server runs (without the keys of its secrets)",
    options: [["--verify", "read that backup back instead: checksums and invariants"]],
    operations: [],
    load: async () => (await import("../commands/backup.ts")).backup,
  },
  {
    usage: "restore <file>",
    summary: "Put the towns of a backup into a data directory; the server must be stopped",
    options: [["--replace", "in place of towns that are there"]],
    operations: [],
    load: async () => (await import("../commands/backup.ts")).restore,
  },
  {
    usage: "version",
    summary: "Versions of this program and of the server",
    operations: ["service.version"],
    load: async () => (await import("../commands/version.ts")).version,
  },
];
