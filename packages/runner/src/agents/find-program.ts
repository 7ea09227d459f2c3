import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join, sep } from "node:path";

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** The file that `command` would run with this `PATH`, or null. */
export function findProgram(command: string, path: string): string | null {
  if (isAbsolute(command) || command.includes(sep)) return isProgram(command) ? command : null;
  for (const dir of path.split(delimiter)) {
    if (dir === "") continue;
    const file = join(dir, command);
    if (isProgram(file)) return file;
  }
  return null;
}
