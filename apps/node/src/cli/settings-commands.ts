/** Settings and what is told outside (spec/api.md §7). */
import type { CommandSpec } from "./commands.ts";

export const SETTINGS_COMMANDS: readonly CommandSpec[] = [
  {
    usage: "notify list",
    summary: "Who is told outside when something needs a person",
    operations: ["config.get"],
    load: async () => (await import("../commands/notify.ts")).notifyList,
  },
  {
    usage: "notify add <kind>",
    summary: "Tell Slack, a webhook or somebody by mail; asks for the address, which is a secret",
    options: [
      ["--event <name...>", "tell only of these (default: all that asks for a person)"],
      ["--min-severity <severity>", "low, medium, high or critical (default: all)"],
      ["--to <address>", "email: who gets the mail"],
      ["--from <address>", "email: who it is from (default: the receiver)"],
    ],
    operations: ["config.get", "config.update"],
    load: async () => (await import("../commands/notify.ts")).notifyAdd,
  },
  {
    usage: "notify remove <number>",
    summary: "Tell this one nothing any more",
    operations: ["config.get", "config.update"],
    load: async () => (await import("../commands/notify.ts")).notifyRemove,
  },
  {
    usage: "notify test <number>",
    summary: "Tell this one something now and say whether it arrived",
    operations: ["config.testNotifier"],
    load: async () => (await import("../commands/notify.ts")).notifyTest,
  },
];
