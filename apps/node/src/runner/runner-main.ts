// cspell:ignore LOGNAME GNUPGHOME
import { text } from "node:stream/consumers";
import { runRunner } from "@gastown/runner";
import { GastownError } from "@gastown/protocol";
import { selfCommand } from "../host/self.ts";
import { withoutSecrets } from "../host/sink.ts";
import { runnerInput, type RunnerInput } from "./runner-input.ts";

/** What git may know of the host: who it is on the network, and how it reaches it. */
const GIT_ENV =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|LC_.*|TMPDIR|SSH_AUTH_SOCK|SSH_AGENT_PID|XDG_CONFIG_HOME|(?:https?|all|no)_proxy|GIT_SSH|GIT_SSH_COMMAND|GIT_SSL_.*|SSL_CERT_.*|GNUPGHOME)$/i;

/**
 * The `runner` command: reads its options from standard input and runs until it is asked to go.
 * Its host gave it a log file as standard output.
 */
export async function runnerMain(): Promise<void> {
  const input = await readInput();
  const self = selfCommand();
  const exit = await runRunner({
    ...input,
    // The host and its repositories belong to one person on one machine.
    allowLocal: true,
    gitEnv: definedEntries(process.env, (name) => GIT_ENV.test(name)),
    hostEnv: process.env,
    scripted: { command: self.command, args: [...self.args, "scripted-agent"] },
    starter: { command: self.command, args: [...self.args, "starter"] },
    shim: { command: self.command, args: [...self.args, "shim"] },
    log: (event, data) => {
      const line = JSON.stringify({ at: new Date().toISOString(), event, ...data });
      process.stdout.write(`${withoutSecrets(line)}\n`);
    },
  });
  // Nothing may hold the process up now: its lock has to be free for the next one.
  process.exit(exit.code);
}

async function readInput(): Promise<RunnerInput> {
  try {
    return runnerInput.parse(JSON.parse(await text(process.stdin)));
  } catch {
    throw new GastownError(
      "validation_failed",
      "`gastown runner` is started by `gastown up`, which writes its options to standard input.",
    );
  }
}

function definedEntries(env: NodeJS.ProcessEnv, wanted: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && wanted(name) ? [[name, value]] : [],
    ),
  );
}
