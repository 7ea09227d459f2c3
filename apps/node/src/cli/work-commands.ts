import type { CommandSpec } from "./commands.ts";

/** Beads and agents: what is worked on, and who works on it. */
export const WORK_COMMANDS: readonly CommandSpec[] = [
  {
    usage: "needs-you",
    summary: "What needs you: what holds up most comes first",
    options: [
      ["--kind <kind>", "only these, e.g. question, bead_failed, budget"],
      ["--snoozed", "those that were put aside"],
    ],
    operations: ["needsYou.list"],
    load: async () => (await import("../commands/needs-you.ts")).needsYou,
  },
  {
    usage: "needs-you snooze <key...>",
    summary: "Put things aside until they change, or for a while",
    options: [["--for <time>", "for 30m, 4h, 2d … (default: until it changes)"]],
    operations: ["needsYou.snooze"],
    load: async () => (await import("../commands/needs-you.ts")).needsYouSnooze,
  },
  {
    usage: "bead list",
    summary: "Pieces of work that are not closed",
    options: [
      ["--status <status>", "open, in_progress, in_review, closed or failed; several with commas"],
      ["--all", "closed ones too"],
      ["--convoy <convoy>", "those of one convoy"],
      ["--search <words>", "words of the title"],
    ],
    operations: ["beads.list"],
    load: async () => (await import("../commands/bead.ts")).beadList,
  },
  {
    usage: "bead show <bead>",
    summary: "One bead: what it waits for, its attempts, its history",
    operations: ["beads.get"],
    load: async () => (await import("../commands/bead.ts")).beadShow,
  },
  {
    usage: "bead why <bead>",
    summary: "Why a bead is not running: what it waits for, since when, until when, and what you can do",
    operations: ["beads.why"],
    load: async () => (await import("../commands/why.ts")).why,
  },
  {
    usage: "why <bead>",
    summary: "The same as `bead why`",
    operations: ["beads.why"],
    load: async () => (await import("../commands/why.ts")).why,
  },
  {
    usage: "bead retry <bead>",
    summary: "Give a failed bead a new start",
    options: [
      ["--fresh", "ignore work that earlier attempts saved"],
      ["--note <text>", "something that the next attempt should know"],
    ],
    operations: ["beads.retry"],
    load: async () => (await import("../commands/bead.ts")).beadRetry,
  },
  {
    usage: "bead close <bead>",
    summary: "Close a bead without its work landing",
    options: [
      ["--reason <reason>", "cancelled (default), duplicate, done_elsewhere or waived"],
      ["--note <text>", "why"],
    ],
    operations: ["beads.close"],
    load: async () => (await import("../commands/bead.ts")).beadClose,
  },
  {
    usage: "bead edit <bead>",
    summary: "Change what a bead says or waits for",
    options: [
      ["--title <text>", "its title"],
      ["--body <text>", "its body; @file or - for standard input"],
      ["--priority <priority>", "low, medium, high or critical"],
      ["--label <label...>", "its labels, all of them"],
      ["--after <bead...>", "what it waits for, all of it"],
      ["--after-nothing", "it waits for nothing any more"],
    ],
    operations: ["beads.list", "beads.update"],
    load: async () => (await import("../commands/bead-change.ts")).beadEdit,
  },
  {
    usage: "bead reassign <bead>",
    summary: "Stop who works on a bead, its work saved, and let another go on",
    options: [
      ["--to <agent>", "who should go on"],
      ["--not <agent>", "who should not"],
    ],
    operations: ["beads.list", "agents.list", "beads.reassign"],
    load: async () => (await import("../commands/bead-change.ts")).beadReassign,
  },
  {
    usage: "bead delete <bead>",
    summary: "Forget a bead; its branch stays",
    options: [["--force", "also while it is worked on"]],
    operations: ["beads.list", "beads.delete"],
    load: async () => (await import("../commands/bead-change.ts")).beadDelete,
  },
  {
    usage: "bead start <bead>",
    summary: "Release a held bead",
    operations: ["beads.start"],
    load: async () => (await import("../commands/bead.ts")).beadStart,
  },
  {
    usage: "bead hold <bead>",
    summary: "Keep an open bead from being started",
    operations: ["beads.hold"],
    load: async () => (await import("../commands/bead.ts")).beadHold,
  },
  {
    usage: "agents",
    summary: "Agents and what each is doing",
    operations: ["agents.list"],
    load: async () => (await import("../commands/agent.ts")).agents,
  },
  {
    usage: "agent reset <agent>",
    summary: "End an agent's session, its work saved; its bead opens again",
    operations: ["agents.list", "agents.reset"],
    load: async () => (await import("../commands/agent.ts")).agentReset,
  },
  {
    usage: "agent delete <agent>",
    summary: "Forget an idle agent; its name is free again",
    operations: ["agents.list", "agents.delete"],
    load: async () => (await import("../commands/agent.ts")).agentDelete,
  },
  {
    usage: "nudge <agent> <text>",
    summary: "Push a short message to an agent that works now",
    options: [
      ["--now", "interrupt its running turn"],
      ["--queue", "also in its next session, if this one ends first"],
      ["--urgent", "before other nudges"],
      ["--ttl <seconds>", "how long it may wait"],
    ],
    operations: ["agents.list", "agents.nudge"],
    load: async () => (await import("../commands/agent.ts")).nudge,
  },
  {
    usage: "mail",
    summary: "Mail between people and agents",
    options: [
      ["--to <agent>", "only to this agent, or to mayor"],
      ["--waiting", "only what nobody has read yet"],
    ],
    operations: ["mail.list"],
    load: async () => (await import("../commands/mail.ts")).mail,
  },
  {
    usage: "mail send <to> <subject> [body]",
    summary: "Write to an agent, to mayor, or to rig:<rig>; body: text, @file or - for standard input",
    operations: ["mail.send"],
    load: async () => (await import("../commands/mail.ts")).mailSend,
  },
];
