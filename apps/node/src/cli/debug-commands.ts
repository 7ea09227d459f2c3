/** Looking under the hood of a town (spec/api.md §7). */
import type { CommandSpec } from "./commands.ts";

export const DEBUG_COMMANDS: readonly CommandSpec[] = [
  {
    usage: "debug inbox",
    summary: "Facts that could not be applied, or all of a state",
    options: [
      ["--state <state>", "dead (default), pending or applied"],
      ["--retry <seq>", "apply a dead one again"],
      ["--discard <seq>", "forget a dead one"],
    ],
    operations: ["admin.inbox.list", "admin.inbox.retry", "admin.inbox.discard"],
    load: async () => (await import("../commands/debug.ts")).debugInbox,
  },
  {
    usage: "debug outbox",
    summary: "Effects that were given up, or all of a state",
    options: [
      ["--state <state>", "dead (default), pending, running, accepted or done"],
      ["--kind <kind>", "only of this kind, such as merge or notify"],
      ["--retry <effect>", "carry a dead one out again"],
      ["--discard <effect>", "forget a dead one"],
    ],
    operations: ["admin.outbox.list", "admin.outbox.retry", "admin.outbox.discard"],
    load: async () => (await import("../commands/debug.ts")).debugOutbox,
  },
];
