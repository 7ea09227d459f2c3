/**
 * `npm run crash -- [--runs N] [--seed S] [--source]`: short runs of real towns, each with faults at moments
 * that its seed draws (`test/crash`), on the packaged executable; with `--source` on the sources. A failing
 * run says its seed. Exit code 0 when all held, 1 when one did not, 2 for a wrong argument.
 */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const tool = (name: string): string => `${root}node_modules/.bin/${name}`;

function numberOf(text: string | undefined, otherwise: number): number {
  const value = Number(text ?? otherwise);
  if (Number.isInteger(value) && value > 0) return value;
  process.stderr.write(`"${text}" is not a number from 1.\n`);
  return process.exit(2);
}

const { values } = parseArgs({
  options: { runs: { type: "string" }, seed: { type: "string" }, source: { type: "boolean" } },
});
const runs = numberOf(values.runs, 50);
const seed = numberOf(values.seed, 1);

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): void {
  const { status } = spawnSync(command, args, { cwd: root, env, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

if (values.source !== true) run(tool("rolldown"), ["--config", "rolldown.config.ts"]);
run(tool("vitest"), ["run", "--project", "processes", "test/crash/crash.test.ts"], {
  ...process.env,
  GASTOWN_CRASH_RUNS: String(runs),
  GASTOWN_CRASH_SEED: String(seed),
  ...(values.source === true ? {} : { GASTOWN_EXECUTABLE: `${root}apps/node/dist/gastown.mjs` }),
});
