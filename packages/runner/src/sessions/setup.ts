/** A rig's setup commands in a session's worktree (spec/api.md §3.13 `setup[]`). */
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import type { SetupSpec } from "@gastown/protocol";
import { commandEnv } from "../agents/launch-spec.ts";
import { runChild } from "../git/child.ts";
import type { LogWriter } from "../logs/log-writer.ts";
import { cutMiddle } from "./cut-middle.ts";
import type { DirectoryOptions } from "./directories.ts";
import { StartRefusal } from "./refusal.ts";

const DEFAULT_SECONDS = 600;
const TAIL = { keep: "tail", bytes: 8_000 } as const;

/**
 * Runs the setup commands once per worktree: what they make (installed packages, caches) is ignored
 * by git and stays when the worktree is reused. They run again when they change or when the
 * directory was made anew.
 * @throws StartRefusal `setup_failed` for a required command; another one is a notice
 */
export async function setUp(options: DirectoryOptions, dir: string): Promise<void> {
  const { request, deps } = options;
  const { setup } = request.settings;
  if (setup.length === 0) return;
  const { ino, birthtimeMs } = statSync(dir);
  const key = createHash("sha256")
    .update(JSON.stringify([setup, dir, ino, birthtimeMs]))
    .digest("hex");
  if (deps.slots.setUp(request.agent.id) === key) return;
  await deps.heavyRuns.run(options.signal, async () => {
    const log = deps.logs.begin((text) => deps.redactor.clean(text));
    options.onSetupLog(log.id);
    try {
      for (const command of setup) await runOne(options, dir, command, log);
    } finally {
      log.end();
      await deps.logs.prune();
    }
  });
  deps.slots.noteSetUp(request.agent.id, key);
}

async function runOne(
  { request, deps, signal, notice }: DirectoryOptions,
  dir: string,
  setup: SetupSpec,
  log: LogWriter,
): Promise<void> {
  log.write(Buffer.from(`$ ${setup.command}\n`));
  const seconds = setup.timeout_seconds ?? DEFAULT_SECONDS;
  const result = await runChild({
    command: "/bin/sh",
    args: ["-c", `exec 2>&1\n${setup.command}`],
    cwd: dir,
    env: { ...commandEnv(deps.options.hostEnv, request.settings.env), ...deps.marker },
    timeoutMs: seconds * 1_000,
    signal,
    stdout: TAIL,
    stderr: TAIL,
    reapGroup: true,
    onStdout: (chunk) => log.write(chunk),
  });
  const how =
    result.ended === "timeout" ? `did not end within ${seconds} s` : `ended with ${String(result.code)}`;
  const gap = result.stdout === "" || result.stdout.endsWith("\n") ? "" : "\n";
  log.write(Buffer.from(`${gap}(${how})\n`));
  if (result.code === 0) return;
  const message = `The setup command "${cutMiddle(setup.command, 300)}" ${how}.`;
  const said = deps.redactor.clean(result.stdout);
  if (setup.required === false) {
    notice(`${message}\n${said}`);
    return;
  }
  throw new StartRefusal({
    code: "setup_failed",
    phase: "worktree",
    message,
    action: "Run it in a fresh clone of the repository, and mend it there or in the rig's settings.",
    ...(said === "" ? {} : { stderr_tail: said }),
  });
}
