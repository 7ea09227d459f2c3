/** `npm run check [-- names]`: everything that can be said about the sources without running them. */
import { spawn } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Command {
  readonly step: string;
  readonly argv: readonly [string, ...string[]];
}
interface Outcome extends Command {
  readonly ok: boolean;
  readonly seconds: number;
  readonly output: string;
}

const root = fileURLToPath(new URL("..", import.meta.url));
const env = {
  ...process.env,
  PATH: join(root, "node_modules", ".bin") + delimiter + (process.env["PATH"] ?? ""),
};

const tsconfigs = ["tsconfig.json", "test/hosts/tsconfig.json", "{packages,apps}/*/tsconfig*.json"]
  .flatMap((pattern) => globSync(pattern, { cwd: root }))
  .toSorted();

const commands: readonly Command[] = [
  { step: "lint", argv: ["oxlint", "--deny-warnings"] },
  ...tsconfigs.map((path): Command => ({ step: "types", argv: ["tsc", "-p", path, "--pretty"] })),
  { step: "format", argv: ["oxfmt", "--check"] },
  { step: "dead-code", argv: ["knip", "--no-progress"] },
  { step: "spelling", argv: ["cspell", "lint", "--no-progress", "--no-summary", "--unique"] },
  { step: "portable", argv: ["node", "scripts/check-portable.ts"] },
  { step: "lock", argv: ["node", "scripts/complete-lock.mjs", "--check"] },
];

/** Never rejects: a command that cannot be started is a failed check. */
function run(command: Command): Promise<Outcome> {
  const started = performance.now();
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const [program, ...args] = command.argv;
  const child = spawn(program, args, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  const end = (ok: boolean): void =>
    resolve({
      ...command,
      ok,
      output: output.trim(),
      seconds: (performance.now() - started) / 1000,
    });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  child.once("error", (error) => {
    output += String(error);
    end(false);
  });
  child.once("close", (code) => end(code === 0));
  return promise;
}

function report(outcome: Outcome): void {
  const name = outcome.step === "types" ? `types ${outcome.argv[2]}` : outcome.step;
  console.log(`${outcome.ok ? "ok  " : "FAIL"} ${name} (${outcome.seconds.toFixed(1)} s)`);
  if (!outcome.ok) console.log(`\n$ ${outcome.argv.join(" ")}\n${outcome.output}\n`);
}

const names = process.argv.slice(2);
const known = new Set(commands.map((command) => command.step));
const wrong = names.filter((name) => !known.has(name));
if (wrong.length > 0) {
  console.error(`Unknown check: ${wrong.join(", ")}. There are: ${[...known].join(", ")}.`);
  process.exit(2);
}
if (!existsSync(join(root, "node_modules"))) {
  console.error("Nothing is installed: start this as `npm run check`.");
  process.exit(2);
}

const queue = commands.filter((command) => names.length === 0 || names.includes(command.step));
let failed = 0;
const total = queue.length;
const worker = async (): Promise<void> => {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const outcome = await run(next);
    report(outcome);
    if (!outcome.ok) failed += 1;
  }
};
await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker));
console.log(failed === 0 ? `All ${total} checks passed.` : `${failed} of ${total} checks failed.`);
process.exitCode = failed === 0 ? 0 : 1;
