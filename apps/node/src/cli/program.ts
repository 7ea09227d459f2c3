import { Command, CommanderError } from "commander";
import { COMMANDS, type CommandSpec, type OptionValues } from "./commands.ts";
import type { GlobalOptions } from "./context.ts";
import { usageError } from "./failure.ts";

/** What a command line asks for. */
export interface Invocation {
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  readonly options: OptionValues;
  readonly globals: GlobalOptions;
}

const GLOBALS = [
  ["--json", "one JSON document on standard output"],
  ["--quiet", "no notes on standard error"],
  ["--yes", "do not ask"],
  ["--town <town>", "which town, where there are several"],
  ["--rig <rig>", "which rig, where there are several"],
  ["--server <url>", "which server (default: the one of the data directory; GASTOWN_URL)"],
  ["--data-dir <path>", "the data directory (default: ~/.gastown; GASTOWN_DATA_DIR)"],
] as const;
const GLOBAL_NAMES = new Set(["json", "quiet", "yes", "town", "rig", "server", "dataDir"]);

/** Either something to run, or text that was asked for (help). */
export type Parsed = { type: "run"; invocation: Invocation } | { type: "text"; text: string };

/** Reads a command line; `--version` is what everybody tries first. Throws exit code 2 with what is wrong. */
export function parseCommandLine(argv: readonly string[]): Parsed {
  let invocation: Invocation | undefined;
  let help = "";
  const root = build((one) => {
    invocation = one;
  });
  for (const command of [root, ...descendants(root)])
    command.exitOverride().configureOutput({
      writeOut: (text) => {
        help += text;
      },
      writeErr: () => {},
    });
  try {
    root.parse(argv[0] === "--version" ? ["version", ...argv.slice(1)] : [...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { type: "text", text: help };
    throw usageError(sentence(error, argv, root));
  }
  if (invocation === undefined) return { type: "text", text: root.helpInformation() };
  return { type: "run", invocation };
}

function sentence(error: CommanderError, argv: readonly string[], root: Command): string {
  // A group without its command, or nothing at all: commander answers with the help itself.
  if (error.code === "commander.help") {
    const group = root.commands.find((command) => command.name() === argv[0]);
    const names = (group ?? root).commands.map((command) => command.name()).join(", ");
    return `"gastown${group === undefined ? "" : ` ${group.name()}`}" needs a command: ${names}.`;
  }
  // A guess at what was meant stands on a line of its own there.
  const text = error.message
    .replace(/^error: /, "")
    .replaceAll(/\s*\n\s*/g, " ")
    .replace(/\.?$/, ".");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)} \`gastown --help\` lists the commands.`;
}

function build(found: (invocation: Invocation) => void): Command {
  const root = new Command("gastown")
    .description("Towns of coding agents that turn work into merged commits.")
    .showHelpAfterError(false);
  // Before the command's name as well as after it.
  for (const [flags, text] of GLOBALS) root.option(flags, text);
  for (const spec of COMMANDS) {
    const words = spec.usage.split(/ (?![^<[]*[>\]])/);
    const [group, name] = words.filter((word) => !/^[<[]/.test(word));
    const parameters = words.filter((word) => /^[<[]/.test(word)).map(camelArgument);
    const parent = name === undefined ? root : groupOf(root, group ?? "");
    const command = parent.command([name ?? group ?? "", ...parameters].join(" ")).description(spec.summary);
    for (const [flags, text] of [...(spec.options ?? []), ...GLOBALS]) command.option(flags, text);
    command.action(() => {
      const values = command.optsWithGlobals<Record<string, string | boolean | string[] | undefined>>();
      found({
        spec,
        args: command.args,
        options: Object.fromEntries(Object.entries(values).filter(([key]) => !GLOBAL_NAMES.has(key))),
        globals: Object.fromEntries(Object.entries(values).filter(([key]) => GLOBAL_NAMES.has(key))),
      });
    });
  }
  return root;
}

/** `<url or path>` as commander wants it: one word. */
function camelArgument(word: string): string {
  return word.replaceAll(" ", "-");
}

function groupOf(root: Command, name: string): Command {
  return (
    root.commands.find((one) => one.name() === name) ?? root.command(name).description(`Commands of ${name}`)
  );
}

function descendants(command: Command): Command[] {
  return command.commands.flatMap((one) => [one, ...descendants(one)]);
}
