import { resolve } from "node:path";
import { GastownError } from "@gastown/protocol";
import { takeBackup, verifyBackup, type Verified } from "../backup/take.ts";
import { restoreBackup } from "../backup/restore.ts";
import type { Run } from "../cli/commands.ts";
import { EXIT } from "../cli/failure.ts";
import { dataDir, dataDirPath } from "../host/data-dir.ts";

/** `gastown backup <file>`: takes one; with `--verify`, reads one back instead. */
export const backup: Run = async (context, [file = ""], options) => {
  const path = resolve(context.cwd, file);
  if (options["verify"] === true) return verify(context.out, path);
  const dir = dataDir(dataDirPath(context.options.dataDir, context.env));
  const towns = await takeBackup(dir, path, context.version, Date.now());
  if (towns.length === 0) context.out.note(`There is no town in ${dir.root}: the backup is empty.`);
  context.out.result(
    { file: path, towns },
    [
      `Stored ${towns.length} town(s) in ${path}.`,
      ...towns.map(({ name, size }) => `  ${name}: ${size} bytes`),
    ].join("\n"),
  );
  return EXIT.done;
};

function verify(out: Parameters<Run>[0]["out"], path: string): number {
  const found = verifyBackup(path);
  const ok = found.towns.every(({ damage, violations }) => damage === null && violations.length === 0);
  out.result({ file: path, ok, ...found }, [`${path} is complete.`, ...found.towns.map(lineOf)].join("\n"));
  return ok ? EXIT.done : EXIT.problemsFound;
}

function lineOf({ town, damage, violations }: Verified): string {
  if (damage !== null) return `  ${town.name}: damaged: ${damage}`;
  const state = violations.length === 0 ? "sound" : violations.map(({ title }) => title).join("; ");
  return `  ${town.name}: ${state}`;
}

/** `gastown restore <file>`: no host may run on the data directory. */
export const restore: Run = async (context, [file = ""], options) => {
  const root = dataDirPath(context.options.dataDir, context.env);
  const replace = options["replace"] === true;
  if (replace && context.options.yes !== true && !context.interactive)
    throw new GastownError("validation_failed", "--replace overwrites towns. Say so with --yes.");
  const towns = restoreBackup(root, resolve(context.cwd, file), { replace, now: Date.now() });
  context.out.result(
    { dataDir: root, towns },
    `Restored ${towns.length} town(s) into ${root}. What agents did after the backup is on the remotes only; \`gastown up\` starts them.`,
  );
  return Promise.resolve(EXIT.done);
};
