/** The runner as a process of its own, for tests that kill it. Options come as JSON on stdin. */
import { text } from "node:stream/consumers";
import { runRunner } from "../index.ts";
import type { RunnerOptions } from "../index.ts";

const options = JSON.parse(await text(process.stdin)) as Omit<RunnerOptions, "log">;
const log = (event: string, data: object): void => {
  process.stderr.write(`${JSON.stringify({ event, ...data })}\n`);
};
const exit = await runRunner({ ...options, log });
process.stdout.write(JSON.stringify(exit));
process.exit(exit.code);
