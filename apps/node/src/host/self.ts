import { fileURLToPath } from "node:url";
import type { SelfCommand } from "./runner-process.ts";

/** How to start this program again: the same Node, its options, and the same main file. */
export function selfCommand(): SelfCommand {
  // In one bundled file this module *is* the main file; from source it is found beside this folder.
  const here = fileURLToPath(import.meta.url);
  const main = here.endsWith("self.ts") ? fileURLToPath(new URL("../main.ts", import.meta.url)) : here;
  return { command: process.execPath, args: [...process.execArgv, main] };
}
