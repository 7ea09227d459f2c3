/**
 * Before tests that start the executable: it is packaged, as people have it, which starts in half the time that
 * the sources take. One file for each content, so that runs side by side never change each other's, and what
 * Node has compiled of it is found again.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";
import config from "../rolldown.config.ts";

const FOLDER = fileURLToPath(new URL("../node_modules/.cache/packaged", import.meta.url));
/** As in its configuration, without the map that nobody reads here. */
const OUTPUT = { format: "esm", codeSplitting: false } as const;
/** Of other versions, for those who test them now. */
const KEPT = 5;

export async function setup(): Promise<void> {
  // `npm run crash` and `npm run matrix` bring their own.
  if (process.env["GASTOWN_EXECUTABLE"] !== undefined) return;
  process.env["GASTOWN_EXECUTABLE"] = await packaged();
}

async function packaged(): Promise<string> {
  const { output } = await build({ ...config, output: OUTPUT, write: false, logLevel: "warn" });
  const { code } = output[0];
  const folder = join(FOLDER, createHash("sha256").update(code).digest("hex").slice(0, 16));
  const file = join(folder, "gastown.mjs");
  if (!existsSync(file)) {
    mkdirSync(folder, { recursive: true });
    const partial = `${file}.${process.pid}`;
    writeFileSync(partial, code, { mode: 0o755 });
    renameSync(partial, file);
    forgetOld();
  }
  return file;
}

function forgetOld(): void {
  const age = (name: string): number => statSync(join(FOLDER, name)).mtimeMs;
  const newestFirst = readdirSync(FOLDER).toSorted((a, b) => age(b) - age(a));
  for (const name of newestFirst.slice(KEPT)) rmSync(join(FOLDER, name), { recursive: true, force: true });
}
